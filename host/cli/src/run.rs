//! Runs a batch to its end.

use super::in_flight::InFlight;
use super::progress::Progress;
use super::sink::{Observe, Sink};
use super::store::{Store, Stored, groups, stored};
use super::totals::Totals;
use super::{Exit, say};
use fantail::{End, Order, Outcomes, Report, Summary, Until};
use futures::stream::LocalBoxStream;
use futures::{Stream, StreamExt};
use std::io;
use std::pin::pin;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The most outcomes written at once.
const MAX_CHUNK: usize = 256;

/// How a batch is read, and when it counts as a success.
pub(crate) struct Plan {
    pub(crate) order: Order,
    pub(crate) until: Until,
    /// A status of 400 or above is a failure, too.
    pub(crate) fail: bool,
    /// What belongs to the requests beside them.
    pub(crate) in_flight: InFlight,
    /// Where bodies are stored.
    pub(crate) store: Option<Store>,
    /// The most bodies stored at once.
    pub(crate) at_once: usize,
}

/// A batch that has ended.
pub(crate) struct Ended {
    pub(crate) exit: Exit,
    /// Counted from what was written, with the component's own counts.
    pub(crate) summary: Summary,
    pub(crate) report: Report,
}

/// Shows every outcome to the observers, then writes it. The first interruption cancels the batch, and requests in flight still get their
/// lines; the second one ends it immediately.
pub(crate) async fn run(
    mut outcomes: Outcomes,
    plan: &Plan,
    mut progress: Progress,
    observers: &mut [&mut dyn Observe],
    sink: &mut impl Sink,
) -> Ended {
    let mut totals = Totals::new();
    let mut interrupted = false;
    let mut interruptions = StopSignals::new();
    let mut canceller = outcomes.canceller();
    let copied = {
        let chunks = stored_outcomes(&mut outcomes, plan);
        let mut all: Vec<&mut dyn Observe> = vec![&mut totals, &mut progress];
        for observer in observers {
            all.push(&mut **observer);
        }
        // Interruptions are handled even while a chunk waits for its reader.
        let mut copying = pin!(copy(chunks, all, sink));
        loop {
            tokio::select! {
                copied = &mut copying => break copied,
                () = interruptions.next() => {
                    interrupted = true;
                    if canceller.take().is_none() {
                        break Ok(());
                    }
                }
            }
        }
    };
    progress.finish();
    if let Err(error) = &copied {
        say(write_error(error));
    }
    let report = outcomes.report().await;
    let ended = matches!(report.end, End::Finished(_));
    let goal = totals.has_reached(plan.until, plan.fail);
    // Outcomes that could not be written are counted only by the harness.
    let summary = if copied.is_ok() { totals.close(&report, plan.store.is_some()) } else { report.summary.clone() };
    let exit = match copied {
        Err(_) => Exit::Failures,
        Ok(()) if interrupted => Exit::Interrupted,
        Ok(()) if ended && goal => Exit::Responses,
        Ok(()) => Exit::Failures,
    };
    Ended { exit, summary, report }
}

/// The message when outcomes can no longer be written.
fn write_error(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::BrokenPipe => "nobody reads the outcomes any more: stopped".to_owned(),
        _ => format!("outcomes cannot be written: {error}: stopped"),
    }
}

/// Shows every outcome to the observers, and hands it to the sink.
async fn copy(
    mut chunks: impl Stream<Item = Vec<Stored>> + Unpin,
    mut observers: Vec<&mut dyn Observe>,
    sink: &mut impl Sink,
) -> io::Result<()> {
    while let Some(chunk) = chunks.next().await {
        for observer in &mut observers {
            observer.observe(&chunk);
        }
        sink.take(chunk).await?;
    }
    sink.finish().await
}

/// The outcomes with their bodies stored, ready to be written.
fn stored_outcomes<'a>(outcomes: &'a mut Outcomes, plan: &'a Plan) -> LocalBoxStream<'a, Vec<Stored>> {
    let store = plan.store.as_ref();
    let storing = outcomes.map(move |outcome| {
        let context = plan.in_flight.leave(outcome.id);
        stored(outcome, context, store)
    });
    let stored = match (store, plan.order) {
        (None, _) => storing.then(|ready| ready).boxed_local(),
        (Some(_), Order::Completion) => storing.buffer_unordered(plan.at_once).boxed_local(),
        (Some(_), Order::Input) => storing.buffered(plan.at_once).boxed_local(),
    };
    match store.and_then(Store::synced_together) {
        None => stored.ready_chunks(MAX_CHUNK).boxed_local(),
        Some(folder) => groups(stored, folder).boxed_local(),
    }
}

/// Ctrl-C and SIGTERM.
struct StopSignals(Vec<Signal>);

impl StopSignals {
    fn new() -> Self {
        // A signal that cannot be handled keeps its default action, which ends the process.
        let kinds = [SignalKind::interrupt(), SignalKind::terminate()];
        Self(kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect())
    }

    async fn next(&mut self) {
        let mut any: futures::stream::FuturesUnordered<_> = self.0.iter_mut().map(Signal::recv).collect();
        if any.next().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}
