//! Runs a batch to its end, whatever makes it end, and sums it up.

use super::output::Output;
use super::progress::Progress;
use super::store::{AT_ONCE, stored};
use super::table::table;
use super::{Exit, say};
use fantail::{End, Order, Outcomes};
use fantail_engine::Tally;
use fantail_wire as wire;
use futures::stream::LocalBoxStream;
use futures::{Stream, StreamExt};
use std::path::Path;
use std::pin::pin;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Outcomes written at once at most.
const CHUNK: usize = 256;

/// What to do with each outcome.
pub(crate) trait Sink {
    /// Takes some outcomes; an error means that nobody wants more.
    async fn take(&mut self, outcomes: Vec<wire::Outcome>) -> std::io::Result<()>;
}

impl Sink for Output {
    async fn take(&mut self, outcomes: Vec<wire::Outcome>) -> std::io::Result<()> {
        self.write(outcomes).await
    }
}

/// Takes every outcome, then prints the summary. On the first interruption the batch is cancelled and what was in flight
/// still has its line; on the second it ends there and then.
pub(crate) async fn run(
    mut outcomes: Outcomes,
    order: Order,
    folder: Option<&Path>,
    mut progress: Progress,
    sink: &mut impl Sink,
) -> Exit {
    let mut tally = Tally::new();
    let mut interrupted = false;
    let mut interruptions = Interruptions::new();
    let mut canceller = outcomes.canceller();
    let copied = {
        let chunks = written(&mut outcomes, order, folder).ready_chunks(CHUNK);
        // Interruptions are heard also while a chunk waits for its reader.
        let mut copying = pin!(copy(chunks, sink, &mut tally, &mut progress));
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
    if copied.is_err() {
        say("nobody reads the outcomes any more: stopped");
        return Exit::Failures;
    }
    let report = outcomes.report().await;
    let mut summary = tally.close(report.summary.elapsed, report.summary.input_ended);
    summary.adopt_inner(&report.summary);
    say(table(&summary, &report.receipt, &report.end).trim_end());
    match report.end {
        _ if interrupted => Exit::Interrupted,
        End::Finished(_) if summary.failures == 0 => Exit::Responses,
        End::Finished(_) | End::Cancelled | End::Broken(_) => Exit::Failures,
    }
}

/// Hands every outcome to the sink and counts it.
async fn copy(
    mut chunks: impl Stream<Item = Vec<wire::Outcome>> + Unpin,
    sink: &mut impl Sink,
    tally: &mut Tally,
    progress: &mut Progress,
) -> std::io::Result<()> {
    while let Some(chunk) = chunks.next().await {
        let failed = chunk.iter().filter(|outcome| outcome.result.is_err()).count();
        progress.advance(chunk.len() as u64, failed as u64);
        count(tally, &chunk);
        sink.take(chunk).await?;
    }
    Ok(())
}

/// Outcomes as they are written, their bodies stored.
fn written<'a>(
    outcomes: &'a mut Outcomes,
    order: Order,
    folder: Option<&'a Path>,
) -> LocalBoxStream<'a, wire::Outcome> {
    let storing = outcomes.map(move |outcome| stored(outcome, folder));
    match (folder, order) {
        (None, _) => storing.then(|ready| ready).boxed_local(),
        (Some(_), Order::Completion) => storing.buffer_unordered(AT_ONCE).boxed_local(),
        (Some(_), Order::Input) => storing.buffered(AT_ONCE).boxed_local(),
    }
}

fn count(tally: &mut Tally, outcomes: &[wire::Outcome]) {
    for outcome in outcomes {
        tally.arrived();
        tally.finished(outcome, outcome.result.as_ref().ok().map(|response| response.status));
    }
}

/// Ctrl-C and SIGTERM.
struct Interruptions(Vec<Signal>);

impl Interruptions {
    fn new() -> Self {
        // A signal that cannot be listened for keeps its default, which ends the process.
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
