//! Bodies that never enter the component, but are streamed from the connection to the reader.

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

/// A stream of a body's chunks as they arrive. If the body breaks, the last item is the failure; a body that ends without one
/// is complete. Dropping it closes the connection when the next chunk arrives, or at the latest when the timeout between two
/// chunks has expired. Buffers at most two chunks of 64 KiB.
#[derive(Debug)]
pub struct UnreadBody {
    pub(super) chunks: mpsc::Receiver<Bytes>,
    pub(super) end: Option<oneshot::Receiver<End>>,
    pub(super) status: u16,
    /// Why the component broke down, if it did.
    pub(super) broken_reason: Arc<OnceLock<String>>,
    /// Resolves when its batch is cancelled.
    pub(super) cancelled: Pin<Box<WaitForCancellationFutureOwned>>,
}

/// How a body ended: complete with its trailers, or with a failure.
pub(super) type End = Result<Vec<Header>, Failure>;

/// The most chunks that wait for their reader.
pub(super) const MAX_BUFFERED_CHUNKS: usize = 2;

/// The most bytes of one chunk.
pub(super) const CHUNK_BYTES: usize = 64 * 1024;

impl Stream for UnreadBody {
    type Item = Result<Bytes, Failure>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.end.is_some() && self.cancelled.as_mut().poll(cx).is_ready() {
            self.chunks.close();
            self.end = None;
            return Poll::Ready(Some(Err(self.interrupted())));
        }
        let Self { chunks, end: Some(end), .. } = &mut *self else { return Poll::Ready(None) };
        if let Some(chunk) = ready!(chunks.poll_recv(cx)) {
            return Poll::Ready(Some(Ok(chunk)));
        }
        let ended = ready!(Pin::new(end).poll(cx));
        self.end = None;
        Poll::Ready(match ended {
            Ok(Ok(_trailers)) => None,
            Ok(Err(failure)) => Some(Err(failure)),
            Err(_) => Some(Err(self.interrupted())),
        })
    }
}

impl UnreadBody {
    /// The failure of a body whose batch ended before it did.
    fn interrupted(&self) -> Failure {
        match self.broken_reason.get() {
            Some(reason) => Failure::after_head(Cause::InternalError, false, self.status).with_detail(reason),
            None => Failure::after_head(Cause::Cancelled, false, self.status).with_detail("the batch was cancelled"),
        }
    }
}
