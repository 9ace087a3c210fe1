//! Clients that take their answers too slowly.

use slab::Slab;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::CancellationToken;

/// Bytes that a client takes at least while it is waited for as long as patience lasts.
const LEAST: usize = 64 * 1024;

/// The clients that are waited for. When every place is taken, the slowest of them is given up: whoever reads slowly keeps nobody
/// else out. One entry for each connection at most.
#[derive(Clone, Default)]
pub(super) struct SlowClients(Arc<Mutex<Slab<Waited>>>);

/// One client that is waited for.
struct Waited {
    since: Instant,
    given_up: CancellationToken,
    gone: CancellationToken,
}

impl SlowClients {
    /// Gives up the client that has been waited for longest, if that is so long at least, and waits until it is gone. False if
    /// there is none.
    pub(super) async fn give_up_slowest(&self, patience: Duration) -> bool {
        let gone = {
            let waited = self.waited();
            let slowest = waited.iter().map(|(_, client)| client).filter(|client| !client.given_up.is_cancelled());
            match slowest.min_by_key(|client| client.since) {
                Some(client) if client.since.elapsed() >= patience => {
                    client.given_up.cancel();
                    client.gone.clone()
                }
                _ => return false,
            }
        };
        gone.cancelled().await;
        true
    }

    /// Nothing in here panics half-way through a change.
    fn waited(&self) -> MutexGuard<'_, Slab<Waited>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that fails when its client takes less than [`LEAST`] in as long as patience lasts. What counts is the time that we
/// wait for it: where there is nothing to write none goes by.
pub(super) struct SlowClientGuard<T> {
    io: T,
    patience: Duration,
    clients: SlowClients,
    /// Its entry there, while the client does not take what there is.
    entry: Option<usize>,
    given_up: CancellationToken,
    gone: CancellationToken,
    /// Since when the client has not taken what there is.
    since: Option<Instant>,
    /// For how long it was waited for before that, and what it has taken meanwhile.
    waited: Duration,
    taken: usize,
    timer: Pin<Box<Sleep>>,
}

impl<T> SlowClientGuard<T> {
    /// `given_up` is cancelled when the place is needed for another client; cancel `gone` when the place is free.
    pub(super) fn new(
        io: T,
        patience: Duration,
        clients: SlowClients,
        given_up: CancellationToken,
        gone: CancellationToken,
    ) -> Self {
        let timer = Box::pin(sleep_until(Instant::now()));
        let (entry, since, waited, taken) = Default::default();
        Self { io, patience, clients, entry, given_up, gone, since, waited, taken, timer }
    }

    fn took(&mut self, bytes: usize) {
        self.waited += self.since.take().map_or(Duration::ZERO, |since| since.elapsed());
        self.taken = self.taken.saturating_add(bytes);
        self.leave();
        if self.taken >= LEAST {
            (self.waited, self.taken) = (Duration::ZERO, 0);
        }
    }

    /// Goes on waiting, unless patience is at its end.
    fn wait<R>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<R>> {
        if self.since.is_none() {
            let now = Instant::now();
            self.since = Some(now);
            self.timer.as_mut().reset(now + self.patience.saturating_sub(self.waited));
            // As if it had been waited for without a break.
            let since = now.checked_sub(self.waited).unwrap_or(now);
            let waited = Waited { since, given_up: self.given_up.clone(), gone: self.gone.clone() };
            self.entry = Some(self.clients.waited().insert(waited));
        }
        self.timer.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    fn leave(&mut self) {
        if let Some(entry) = self.entry.take() {
            self.clients.waited().try_remove(entry);
        }
    }
}

impl<T> Drop for SlowClientGuard<T> {
    fn drop(&mut self) {
        self.leave();
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
                self.took(written.as_ref().copied().unwrap_or_default());
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

    const PATIENCE: Duration = Duration::from_millis(300);

    /// The second is cancelled when it is given up, the third is to be cancelled when it is gone.
    fn watched<T>(io: T, clients: &SlowClients) -> (SlowClientGuard<T>, CancellationToken, CancellationToken) {
        let (given_up, gone) = (CancellationToken::new(), CancellationToken::new());
        (SlowClientGuard::new(io, PATIENCE, clients.clone(), given_up.clone(), gone.clone()), given_up, gone)
    }

    /// Writes 300 KiB to a client that takes so many bytes, then waits so long, and so on.
    async fn taken_by(bytes: usize, pause: Duration) -> io::Result<()> {
        let (ours, mut theirs) = duplex(1_000);
        let mut ours = watched(ours, &SlowClients::default()).0;
        let mut taken = vec![0; bytes];
        let client = async {
            while theirs.read_exact(&mut taken).await.is_ok() {
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
            }
        };
        let server = async {
            let written = ours.write_all(&vec![0; 300 * 1024]).await;
            drop(ours);
            written
        };
        tokio::join!(client, server).1
    }

    /// L17: a little now and then is not enough.
    #[tokio::test]
    async fn a_client_that_takes_a_little_now_and_then_is_cut_off() {
        let cut_off = taken_by(100, Duration::from_millis(20)).await;
        assert_eq!(cut_off.unwrap_err().kind(), io::ErrorKind::TimedOut);
        taken_by(1_000, Duration::ZERO).await.unwrap();
    }

    /// L17: time without anything to take is none of the client's.
    #[tokio::test]
    async fn a_client_for_which_there_is_little_is_not_waited_for() {
        let (ours, mut theirs) = duplex(1_000);
        let mut ours = watched(ours, &SlowClients::default()).0;
        for _ in 0..4 {
            // More than fits, so that it has to be waited for.
            let (written, read) = tokio::join!(ours.write_all(&[0; 1_200]), async {
                tokio::time::sleep(PATIENCE / 20).await;
                theirs.read_exact(&mut [0; 1_200]).await
            });
            written.and(read.map(drop)).unwrap();
            tokio::time::sleep(PATIENCE).await;
        }
    }

    /// L17
    #[tokio::test]
    async fn the_client_that_has_been_waited_for_longest_is_given_up_and_no_other() {
        let clients = SlowClients::default();
        let so_long = Duration::from_millis(200);
        let [(first, _a), (other, _b)] = [(); 2].map(|()| duplex(10));
        let (mut first, first_given_up, gone) = watched(first, &clients);
        let (mut other, other_given_up, _) = watched(other, &clients);
        let _ = futures::poll!(Box::pin(first.write_all(&[0; 20])));
        assert!(!clients.give_up_slowest(so_long).await, "nobody has been waited for so long");
        tokio::time::sleep(so_long).await;
        let _ = futures::poll!(Box::pin(other.write_all(&[0; 20])));
        gone.cancel();
        assert!(clients.give_up_slowest(so_long).await);
        assert!(first_given_up.is_cancelled() && !other_given_up.is_cancelled());
        assert!(!clients.give_up_slowest(so_long).await, "it is given up once");
        drop((first, other));
        assert!(clients.waited().is_empty(), "what is gone leaves nothing");
    }
}
