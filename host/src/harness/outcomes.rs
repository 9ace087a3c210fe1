//! The reader's end of a batch.

use super::batch::Finished;
use super::{Outcome, Report};
use futures::Stream;
use futures::channel::oneshot;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio_util::sync::DropGuard;

/// The outcomes of a batch, one per request. Nothing is read and nothing is sent before it is first polled. It must be polled inside
/// the tokio runtime that it was created in. Dropping it before its end ends the batch immediately, connections and unread bodies
/// included. After its end, unread bodies continue on their own.
#[derive(Debug)]
pub struct Outcomes {
    pub(super) demand: Option<oneshot::Sender<()>>,
    pub(super) canceller: Option<Canceller>,
    pub(super) outcomes: mpsc::Receiver<Outcome>,
    pub(super) report: oneshot::Receiver<Finished>,
    pub(super) batch: Running,
}

/// Aborts the task of a batch when it is dropped, unless the batch has ended.
#[derive(Debug)]
pub(super) struct Running(pub(super) Option<AbortHandle>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(batch) = &self.0 {
            batch.abort();
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
        self.demand = None;
        self.outcomes.close();
        let report = (&mut self.report).await;
        self.end();
        match report {
            Ok((mut report, account)) => {
                report.receipt.charge(&account.usage());
                report
            }
            Err(_) => Report::broken_reason("the task that ran the batch ended early"),
        }
    }

    /// From here on only unread bodies keep the batch running.
    fn end(&mut self) {
        self.batch.0 = None;
        if let Some(Canceller { batch }) = self.canceller.take() {
            let _ = batch.disarm();
        }
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
        if let Some(demand) = self.demand.take() {
            // The batch may already have ended: then its outcomes say why.
            let _ = demand.send(());
        }
        let outcome = ready!(self.outcomes.poll_recv(cx));
        if outcome.is_none() {
            self.end();
        }
        Poll::Ready(outcome)
    }
}
