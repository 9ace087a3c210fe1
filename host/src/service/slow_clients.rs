//! Cuts off clients that read their answers too slowly.

use slab::Slab;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::CancellationToken;

/// The least bytes that a client must read within the timeout.
const MIN_BYTES: usize = 64 * 1024;

/// The clients with pending writes. When every instance is full, the slowest of them is evicted, so that slow readers do not keep others
/// out. At most one entry per connection.
#[derive(Clone, Default)]
pub(super) struct SlowClients(Arc<Mutex<Slab<PendingClient>>>);

/// A client with a pending write.
struct PendingClient {
    since: Instant,
    evicted: CancellationToken,
    closed: CancellationToken,
}

impl SlowClients {
    /// Evicts the client whose write has been pending for longest, if that is at least `min_wait`, and waits until its connection is closed.
    /// Returns false if there is no such client.
    pub(super) async fn evict_slowest(&self, min_wait: Duration) -> bool {
        let closed = {
            let pending = self.lock();
            let slowest = pending.iter().map(|(_, client)| client).filter(|client| !client.evicted.is_cancelled());
            match slowest.min_by_key(|client| client.since) {
                Some(client) if client.since.elapsed() >= min_wait => {
                    client.evicted.cancel();
                    client.closed.clone()
                }
                _ => return false,
            }
        };
        closed.cancelled().await;
        true
    }

    /// No code panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, Slab<PendingClient>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that fails when its client reads less than [`MIN_BYTES`] within `timeout`. Only the time counts during which a write is
/// pending, not that during which there is nothing to write.
pub(super) struct SlowClientGuard<T> {
    io: T,
    timeout: Duration,
    clients: SlowClients,
    /// Its entry in `clients`, while a write is pending.
    entry: Option<usize>,
    evicted: CancellationToken,
    closed: CancellationToken,
    /// Since when a write has been pending.
    since: Option<Instant>,
    /// How long writes were pending before that, and how many bytes were written meanwhile.
    waited: Duration,
    written: usize,
    timer: Pin<Box<Sleep>>,
}

impl<T> SlowClientGuard<T> {
    /// `evicted` is cancelled when the client is too slow, or its place is needed for another. The caller cancels `closed` when the
    /// connection is closed.
    pub(super) fn new(
        io: T,
        timeout: Duration,
        clients: SlowClients,
        evicted: CancellationToken,
        closed: CancellationToken,
    ) -> Self {
        let timer = Box::pin(sleep_until(Instant::now()));
        let (entry, since, waited, written) = Default::default();
        Self { io, timeout, clients, entry, evicted, closed, since, waited, written, timer }
    }

    fn record_written(&mut self, bytes: usize) {
        self.waited += self.since.take().map_or(Duration::ZERO, |since| since.elapsed());
        self.written = self.written.saturating_add(bytes);
        self.remove_entry();
        if self.written >= MIN_BYTES {
            (self.waited, self.written) = (Duration::ZERO, 0);
        }
    }

    /// Records that a write is pending. Fails when the timeout has expired.
    fn wait<R>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<R>> {
        if self.since.is_none() {
            let now = Instant::now();
            self.since = Some(now);
            self.timer.as_mut().reset(now + self.timeout.saturating_sub(self.waited));
            // As if the write had been pending without interruption.
            let since = now.checked_sub(self.waited).unwrap_or(now);
            let client = PendingClient { since, evicted: self.evicted.clone(), closed: self.closed.clone() };
            self.entry = Some(self.clients.lock().insert(client));
        }
        self.timer.as_mut().poll(cx).map(|()| {
            self.evicted.cancel();
            Err(io::ErrorKind::TimedOut.into())
        })
    }

    fn remove_entry(&mut self) {
        if let Some(entry) = self.entry.take() {
            self.clients.lock().try_remove(entry);
        }
    }
}

impl<T> Drop for SlowClientGuard<T> {
    fn drop(&mut self) {
        self.remove_entry();
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for SlowClientGuard<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for SlowClientGuard<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.write_with(cx, |io, cx| io.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write_with(cx, |io, cx| io.poll_write_vectored(cx, bytes))
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

impl<T: Unpin> SlowClientGuard<T> {
    fn write_with(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut T>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match write(Pin::new(&mut self.io), cx) {
            Poll::Ready(written) => {
                self.record_written(written.as_ref().copied().unwrap_or_default());
                Poll::Ready(written)
            }
            Poll::Pending => self.wait(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    const TIMEOUT: Duration = Duration::from_millis(300);

    /// The second value is cancelled when the client is evicted. The test cancels the third when the connection is closed.
    fn watched<T>(io: T, clients: &SlowClients) -> (SlowClientGuard<T>, CancellationToken, CancellationToken) {
        let (evicted, closed) = (CancellationToken::new(), CancellationToken::new());
        (SlowClientGuard::new(io, TIMEOUT, clients.clone(), evicted.clone(), closed.clone()), evicted, closed)
    }

    /// Writes 300 KiB to a client that repeatedly reads this many bytes and then pauses.
    async fn write_to_reader_of(bytes: usize, pause: Duration) -> io::Result<()> {
        let (server_io, mut client_io) = duplex(1_000);
        let mut server_io = watched(server_io, &SlowClients::default()).0;
        let mut buffer = vec![0; bytes];
        let client = async {
            while client_io.read_exact(&mut buffer).await.is_ok() {
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
            }
        };
        let server = async {
            let written = server_io.write_all(&vec![0; 300 * 1024]).await;
            drop(server_io);
            written
        };
        tokio::join!(client, server).1
    }

    /// L17: reading a little now and then was enough.
    #[tokio::test]
    async fn a_client_that_reads_a_little_now_and_then_is_cut_off() {
        let cut_off = write_to_reader_of(100, Duration::from_millis(20)).await;
        assert_eq!(cut_off.unwrap_err().kind(), io::ErrorKind::TimedOut);
        write_to_reader_of(1_000, Duration::ZERO).await.unwrap();
    }

    /// L17: time without anything to read was counted against the client.
    #[tokio::test]
    async fn a_client_is_not_cut_off_while_there_is_little_to_read() {
        let (server_io, mut client_io) = duplex(1_000);
        let mut server_io = watched(server_io, &SlowClients::default()).0;
        for _ in 0..4 {
            // More than fits into the buffer, so that a write is pending.
            let (written, read) = tokio::join!(server_io.write_all(&[0; 1_200]), async {
                tokio::time::sleep(TIMEOUT / 20).await;
                client_io.read_exact(&mut [0; 1_200]).await
            });
            written.and(read.map(drop)).unwrap();
            tokio::time::sleep(TIMEOUT).await;
        }
    }

    /// L17
    #[tokio::test]
    async fn only_the_client_with_the_longest_pending_write_is_evicted() {
        let clients = SlowClients::default();
        let min_wait = Duration::from_millis(200);
        let [(first, _a), (other, _b)] = [(); 2].map(|()| duplex(10));
        let (mut first, first_evicted, closed) = watched(first, &clients);
        let (mut other, other_evicted, _) = watched(other, &clients);
        let _ = futures::poll!(Box::pin(first.write_all(&[0; 20])));
        assert!(!clients.evict_slowest(min_wait).await, "no write has been pending for that long");
        tokio::time::sleep(min_wait).await;
        let _ = futures::poll!(Box::pin(other.write_all(&[0; 20])));
        closed.cancel();
        assert!(clients.evict_slowest(min_wait).await);
        assert!(first_evicted.is_cancelled() && !other_evicted.is_cancelled());
        assert!(!clients.evict_slowest(min_wait).await, "a client is evicted once");
        drop((first, other));
        assert!(clients.lock().is_empty(), "a closed connection leaves no entry");
    }
}
