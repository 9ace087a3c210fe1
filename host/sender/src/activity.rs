//! What has come over a connection, whatever it was.

use crate::limits::PoolLimits;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What has come over a connection so far.
#[derive(Default)]
pub(crate) struct Activity {
    pieces: AtomicU64,
    /// Bytes and line ends since the last request was sent, while its head is awaited.
    bytes: AtomicUsize,
    lines: AtomicUsize,
    awaits_head: AtomicBool,
    /// A head has come.
    answered: AtomicBool,
    /// Why TLS ended. hyper and h2 do not hand on what kind of error it was.
    tls: OnceLock<rustls::Error>,
}

impl Activity {
    /// So many pieces by now. If this has not changed, the peer has said nothing.
    pub(crate) fn pieces(&self) -> u64 {
        self.pieces.load(Ordering::Relaxed)
    }

    /// A request is being sent: what comes is its head.
    pub(crate) fn expect_head(&self) {
        self.bytes.store(0, Ordering::Relaxed);
        self.lines.store(0, Ordering::Relaxed);
        self.awaits_head.store(true, Ordering::Relaxed);
    }

    pub(crate) fn head_arrived(&self) {
        self.awaits_head.store(false, Ordering::Relaxed);
        self.answered.store(true, Ordering::Relaxed);
    }

    /// Whether what came since [`expect_head`](Self::expect_head) may be a head beyond these limits.
    pub(crate) fn is_large_head(&self, limits: PoolLimits) -> bool {
        self.bytes.load(Ordering::Relaxed) >= limits.head_bytes
            || self.lines.load(Ordering::Relaxed) > limits.head_fields
    }

    pub(crate) fn has_answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }

    pub(crate) fn tls_error(&self) -> Option<&rustls::Error> {
        self.tls.get()
    }

    fn read(&self, bytes: &[u8]) {
        self.pieces.fetch_add(1, Ordering::Relaxed);
        if self.awaits_head.load(Ordering::Relaxed) {
            self.bytes.fetch_add(bytes.len(), Ordering::Relaxed);
            self.lines.fetch_add(bytes.iter().filter(|byte| **byte == b'\n').count(), Ordering::Relaxed);
        }
    }

    fn failed(&self, error: &io::Error) {
        if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            // The first one is why.
            let _ = self.tls.set(tls.clone());
        }
    }
}

/// A transport that is listened to. Above TLS, so that only what TLS has found to be the peer's counts.
pub(crate) struct ActivityStream<T> {
    pub(crate) io: T,
    pub(crate) heard: Arc<Activity>,
}

impl<T: AsyncRead + Unpin> AsyncRead for ActivityStream<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buffer)).inspect_err(|error| self.heard.failed(error))?;
        self.heard.read(buffer.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for ActivityStream<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
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
