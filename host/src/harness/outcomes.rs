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

/// The outcomes of a batch, one per request. Nothing is read and nothing is sent before it is first polled. It must be
/// polled inside the tokio runtime it was made in. Dropping it before its end ends the batch at once, connections and
/// unread bodies included; after its end, unread bodies go on by themselves.
#[derive(Debug)]
pub struct Outcomes {
    pub(super) ask: Option<oneshot::Sender<()>>,
    pub(super) canceller: Option<Canceller>,
    pub(super) outcomes: mpsc::Receiver<Outcome>,
    pub(super) report: oneshot::Receiver<Finished>,
    pub(super) batch: Running,
}

/// Ends a batch when it is dropped, unless the batch has come to its end.
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
    /// What ends the batch when it is dropped. None if it was taken before, or the batch has come to its end.
    pub fn canceller(&mut self) -> Option<Canceller> {
        self.canceller.take()
    }

    /// What became of the batch. Waits for its end; outcomes not taken by then are dropped. The bytes of its receipt are those up to now: with
    /// unread bodies more come later.
    pub async fn report(mut self) -> Report {
        // Nobody will ask for more.
        self.ask = None;
        self.outcomes.close();
        let report = (&mut self.report).await;
        self.end();
        match report {
            Ok((mut report, account)) => {
                report.receipt.charge(&account.used());
                report
            }
            Err(_) => Report::broken("the task that ran the batch ended early"),
        }
    }

    /// From here on only unread bodies keep the batch going.
    fn end(&mut self) {
        self.batch.0 = None;
        if let Some(Canceller { batch }) = self.canceller.take() {
            let _ = batch.disarm();
        }
    }
}

/// Ends a batch when it is dropped: every request that has been read and has no outcome gets one, with the cause `cancelled` and what is
/// known of how far it had come, and the stream ends after those. Unread bodies break off, also those of a batch whose outcomes
/// have all been taken.
#[derive(Debug)]
pub struct Canceller {
    pub(super) batch: DropGuard,
}

impl Stream for Outcomes {
    type Item = Outcome;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Outcome>> {
        if let Some(ask) = self.ask.take() {
            // The batch may have broken down already: then its outcomes say so.
            let _ = ask.send(());
        }
        let outcome = ready!(self.outcomes.poll_recv(cx));
        if outcome.is_none() {
            self.end();
        }
        Poll::Ready(outcome)
    }
}
