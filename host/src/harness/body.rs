//! Bodies that never enter the component: streamed from the connection to the reader.

use bytes::Bytes;
use fantail_engine::{Cause, Failure, Header};
use futures::Stream;
use futures::channel::oneshot;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use tokio::sync::mpsc;
use tokio_util::sync::WaitForCancellationFutureOwned;

/// A response's body.
#[derive(Debug)]
pub enum Body {
    /// Body mode `discard`.
    Discarded,
    /// Body mode `bytes`: all of it.
    Bytes(Bytes),
    /// Body mode `unread`.
    Unread(UnreadBody),
}

/// A body that is read as it arrives: a stream of pieces. A body that breaks ends with the failure; one that ends without
/// is whole. Dropping it closes the connection: when the next piece arrives, or at the latest when the time between two
/// pieces has run out. Holds at most two pieces of 64 KiB.
#[derive(Debug)]
pub struct UnreadBody {
    pub(super) pieces: mpsc::Receiver<Bytes>,
    pub(super) end: Option<oneshot::Receiver<End>>,
    pub(super) status: u16,
    /// Why the component broke down, if it did.
    pub(super) broken: Arc<OnceLock<String>>,
    /// Resolves when its batch is cancelled.
    pub(super) cancelled: Pin<Box<WaitForCancellationFutureOwned>>,
}

/// How a body ended: with its trailers, or not whole.
pub(super) type End = Result<Vec<Header>, Failure>;

/// Pieces that wait for their reader.
pub(super) const PIECES: usize = 2;

/// Bytes of one.
pub(super) const PIECE: usize = 64 * 1024;

impl Stream for UnreadBody {
    type Item = Result<Bytes, Failure>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.end.is_some() && self.cancelled.as_mut().poll(cx).is_ready() {
            self.pieces.close();
            self.end = None;
            return Poll::Ready(Some(Err(self.cut_off())));
        }
        let Self { pieces, end: Some(end), .. } = &mut *self else { return Poll::Ready(None) };
        if let Some(piece) = ready!(pieces.poll_recv(cx)) {
            return Poll::Ready(Some(Ok(piece)));
        }
        let ended = ready!(Pin::new(end).poll(cx));
        self.end = None;
        Poll::Ready(match ended {
            Ok(Ok(_trailers)) => None,
            Ok(Err(failure)) => Some(Err(failure)),
            Err(_) => Some(Err(self.cut_off())),
        })
    }
}

impl UnreadBody {
    /// The failure of a body whose batch ended before it did.
    fn cut_off(&self) -> Failure {
        match self.broken.get() {
            Some(reason) => Failure::after_head(Cause::InternalError, false, self.status).with_detail(reason),
            None => Failure::after_head(Cause::Cancelled, false, self.status).with_detail("the batch was cancelled"),
        }
    }
}
