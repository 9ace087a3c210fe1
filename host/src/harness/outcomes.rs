//! The reader's end of a batch.

use super::{Outcome, Report};
use futures::Stream;
use futures::channel::oneshot;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// The outcomes of a batch, one per request. Nothing is read and nothing is sent before it is first polled. It must be
/// polled inside the tokio runtime it was made in. Dropping it ends the batch at once, connections included.
#[derive(Debug)]
pub struct Outcomes {
    pub(super) ask: Option<oneshot::Sender<()>>,
    pub(super) cancel: Option<oneshot::Sender<()>>,
    pub(super) outcomes: mpsc::Receiver<Outcome>,
    pub(super) batch: JoinHandle<Report>,
}

impl Outcomes {
    /// What ends the batch when it is dropped: every request that has been read and has no outcome gets one with the cause
    /// `cancelled`, and the stream ends after those. None if it was taken before.
    pub fn canceller(&mut self) -> Option<Canceller> {
        self.cancel.take().map(|cancel| Canceller { _cancel: cancel })
    }

    /// What became of the batch. Waits for its end; outcomes not taken by then are dropped.
    pub async fn report(mut self) -> Report {
        self.outcomes.close();
        (&mut self.batch).await.unwrap_or_else(|error| Report::broken(&error.to_string()))
    }
}

/// Ends a batch when it is dropped.
#[derive(Debug)]
pub struct Canceller {
    _cancel: oneshot::Sender<()>,
}

impl Stream for Outcomes {
    type Item = Outcome;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Outcome>> {
        if let Some(ask) = self.ask.take() {
            // The batch may have broken down already: then its outcomes say so.
            let _ = ask.send(());
        }
        self.outcomes.poll_recv(cx)
    }
}

impl Drop for Outcomes {
    fn drop(&mut self) {
        self.batch.abort();
    }
}
