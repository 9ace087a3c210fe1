//! The reader's end of a batch.

use super::Outcome;
use super::lanes::Lanes;
use super::report::{Finished, Report};
use futures::Stream;
use futures::channel::oneshot;
use futures::future::join_all;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::task::AbortHandle;
use tokio_util::sync::DropGuard;

/// The outcomes of a batch, one per request. Nothing is read and nothing is sent before it is first polled. It must be polled inside
/// the tokio runtime that it was created in. Dropping it before its end ends the batch immediately, connections and unread bodies
/// included. After its end, unread bodies continue on their own.
pub struct Outcomes {
    pub(super) lanes: Lanes,
    pub(super) canceller: Option<Canceller>,
    /// Of each instance.
    pub(super) instances: Vec<Instance>,
}

/// The reader's end of one instance.
pub(super) struct Instance {
    pub(super) demand: Option<oneshot::Sender<()>>,
    pub(super) report: oneshot::Receiver<Finished>,
    pub(super) task: Running,
}

/// Aborts the task of an instance when it is dropped, unless the batch has ended.
#[derive(Debug)]
pub(super) struct Running(pub(super) Option<AbortHandle>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

impl Outcomes {
    /// The handle that cancels the batch when it is dropped. None if it was taken before, or if the batch has ended.
    pub fn canceller(&mut self) -> Option<Canceller> {
        self.canceller.take()
    }

    /// Waits for the end of the batch, and returns its report. Outcomes that have not been taken are dropped. The bytes in the receipt are
    /// those up to now: unread bodies may add more later.
    pub async fn report(mut self) -> Report {
        // No further outcome will be read.
        self.lanes.close();
        let reports = self.instances.iter_mut().map(|instance| {
            instance.demand = None;
            &mut instance.report
        });
        let finished = join_all(reports).await;
        self.end();
        let mut report = Report::of(finished.into_iter().map(Result::ok));
        // One instance knows only when it was told of the end.
        report.summary.input_ended = self.lanes.input_ended().unwrap_or(report.summary.input_ended);
        report
    }

    /// From here on only unread bodies keep the batch running.
    fn end(&mut self) {
        self.instances.iter_mut().for_each(|instance| instance.task.0 = None);
        if let Some(Canceller { batch }) = self.canceller.take() {
            let _ = batch.disarm();
        }
    }
}

impl fmt::Debug for Outcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcomes").field("instances", &self.instances.len()).finish_non_exhaustive()
    }
}

/// Cancels a batch when it is dropped: every request that has been read and has no outcome gets one, with the cause `cancelled` and what
/// is known of its progress, and the stream ends after those. Unread bodies are interrupted, even if all outcomes of the batch have
/// been taken.
#[derive(Debug)]
pub struct Canceller {
    pub(super) batch: DropGuard,
}

impl Stream for Outcomes {
    type Item = Outcome;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Outcome>> {
        for instance in &mut self.instances {
            if let Some(demand) = instance.demand.take() {
                // The batch may already have ended: then its outcomes say why.
                let _ = demand.send(());
            }
        }
        let outcome = ready!(self.lanes.poll_next(cx));
        if outcome.is_none() {
            self.end();
        }
        Poll::Ready(outcome)
    }
}
