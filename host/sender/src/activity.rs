//! What has been received over a connection, and whether anything waits to be sent.

use crate::limits::PoolLimits;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What has happened on a connection so far.
#[derive(Default)]
pub(crate) struct Activity {
    reads: AtomicU64,
    /// Bytes and line ends received since the last request was sent, while its response head is awaited.
    head_bytes: AtomicUsize,
    head_lines: AtomicUsize,
    awaits_head: AtomicBool,
    /// A response head has arrived.
    answered: AtomicBool,
    /// The last write was refused, and hyper holds what it was to write.
    blocked: AtomicBool,
    /// The first TLS error. hyper and h2 do not pass on its type.
    tls_error: OnceLock<rustls::Error>,
}

impl Activity {
    /// How many reads have returned so far. While this does not change, the peer has sent nothing.
    pub(crate) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// A request is being sent: the bytes that follow belong to its response head.
    pub(crate) fn expect_head(&self) {
        self.head_bytes.store(0, Ordering::Relaxed);
        self.head_lines.store(0, Ordering::Relaxed);
        self.awaits_head.store(true, Ordering::Relaxed);
    }

    pub(crate) fn head_arrived(&self) {
        self.awaits_head.store(false, Ordering::Relaxed);
        self.answered.store(true, Ordering::Relaxed);
    }

    /// Whether what was received since [`expect_head`](Self::expect_head) may be a head that exceeds these limits.
    pub(crate) fn is_large_head(&self, limits: PoolLimits) -> bool {
        self.head_bytes.load(Ordering::Relaxed) >= limits.head_bytes
            || self.head_lines.load(Ordering::Relaxed) > limits.head_fields
    }

    pub(crate) fn has_answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }

    /// Whether something has yet to be written.
    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::Relaxed)
    }

    pub(crate) fn tls_error(&self) -> Option<&rustls::Error> {
        self.tls_error.get()
    }

    fn record_read(&self, bytes: &[u8]) {
        self.reads.fetch_add(1, Ordering::Relaxed);
        if self.awaits_head.load(Ordering::Relaxed) {
            self.head_bytes.fetch_add(bytes.len(), Ordering::Relaxed);
            self.head_lines.fetch_add(bytes.iter().filter(|byte| **byte == b'\n').count(), Ordering::Relaxed);
        }
    }

    fn record_write<T>(&self, written: Poll<T>) -> Poll<T> {
        self.blocked.store(written.is_pending(), Ordering::Relaxed);
        written
    }

    fn record_error(&self, error: &io::Error) {
        if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            // Only the first error is kept: it is the cause of the others.
            let _ = self.tls_error.set(tls.clone());
        }
    }
}

/// A transport that records its [`Activity`]. It sits above TLS, so that only authenticated bytes of the peer count.
pub(crate) struct ActivityStream<T> {
    pub(crate) io: T,
    pub(crate) activity: Arc<Activity>,
}

impl<T: AsyncRead + Unpin> AsyncRead for ActivityStream<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buffer)).inspect_err(|error| self.activity.record_error(error))?;
        self.activity.record_read(buffer.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for ActivityStream<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.activity.record_write(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.activity.record_write(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
