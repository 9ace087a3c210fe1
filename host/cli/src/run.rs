//! Runs a batch to its end, and prints the summary.

use super::output::Output;
use super::progress::Progress;
use super::store::{AT_ONCE, Stored, stored};
use super::table::table;
use super::totals::Totals;
use super::{Exit, say};
use fantail::{End, Order, Outcomes, Report, Summary, Until};
use fantail_wire as wire;
use futures::stream::LocalBoxStream;
use futures::{Stream, StreamExt};
use std::io;
use std::path::Path;
use std::pin::pin;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The most outcomes written at once.
const MAX_CHUNK: usize = 256;

/// What to do with each outcome.
pub(crate) trait Sink {
    /// Takes some outcomes; an error means that no more can be taken.
    async fn take(&mut self, outcomes: Vec<wire::Outcome>) -> io::Result<()>;
}

impl Sink for Output {
    async fn take(&mut self, outcomes: Vec<wire::Outcome>) -> io::Result<()> {
        self.write(outcomes).await
    }
}

/// How a batch is read, and when it counts as a success.
pub(crate) struct Plan<'a> {
    pub(crate) order: Order,
    pub(crate) until: Until,
    /// Where bodies are stored.
    pub(crate) folder: Option<&'a Path>,
}

/// A batch that has ended.
pub(crate) struct Ended {
    pub(crate) exit: Exit,
    /// Counted from what was written, with the component's own counts.
    pub(crate) summary: Summary,
    pub(crate) report: Report,
}

/// Writes every outcome, then prints the summary. The first interruption cancels the batch, and requests in flight still get their lines;
/// the second one ends it immediately.
pub(crate) async fn run(
    mut outcomes: Outcomes,
    plan: &Plan<'_>,
    mut progress: Progress,
    sink: &mut impl Sink,
) -> Ended {
    let mut totals = Totals::new();
    let mut interrupted = false;
    let mut interruptions = StopSignals::new();
    let mut canceller = outcomes.canceller();
    let copied = {
        let chunks = stored_outcomes(&mut outcomes, plan).ready_chunks(MAX_CHUNK);
        // Interruptions are handled even while a chunk waits for its reader.
        let mut copying = pin!(copy(chunks, sink, &mut totals, &mut progress));
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
    let goal = totals.has_reached(plan.until);
    // Outcomes that could not be written are counted only by the harness.
    let summary = if copied.is_ok() { totals.close(&report, plan.folder.is_some()) } else { report.summary.clone() };
    say(table(&summary, &report.receipt, &report.end).trim_end());
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

/// Hands every outcome to the sink and counts it.
async fn copy(
    mut chunks: impl Stream<Item = Vec<Stored>> + Unpin,
    sink: &mut impl Sink,
    totals: &mut Totals,
    progress: &mut Progress,
) -> io::Result<()> {
    while let Some(chunk) = chunks.next().await {
        let failed = chunk.iter().map(|stored| totals.count(stored)).filter(|failed| *failed).count();
        progress.advance(chunk.len() as u64, failed as u64);
        sink.take(chunk.into_iter().map(|stored| stored.outcome).collect()).await?;
    }
    Ok(())
}

/// The outcomes with their bodies stored, ready to be written.
fn stored_outcomes<'a>(outcomes: &'a mut Outcomes, plan: &Plan<'a>) -> LocalBoxStream<'a, Stored> {
    let folder = plan.folder;
    let storing = outcomes.map(move |outcome| stored(outcome, folder));
    match (folder, plan.order) {
        (None, _) => storing.then(|ready| ready).boxed_local(),
        (Some(_), Order::Completion) => storing.buffer_unordered(AT_ONCE).boxed_local(),
        (Some(_), Order::Input) => storing.buffered(AT_ONCE).boxed_local(),
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
