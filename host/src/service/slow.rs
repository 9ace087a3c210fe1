//! A connection whose client must not take too slowly.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// Bytes that a client takes at least while it is waited for as long as patience lasts.
const LEAST: usize = 64 * 1024;

/// A connection that fails when its client takes less than [`LEAST`] in as long as patience lasts. What counts is the time that we
/// wait for it: where there is nothing to write none goes by.
pub(super) struct CutOffSlow<T> {
    io: T,
    patience: Duration,
    /// Since when the client has not taken what there is.
    since: Option<Instant>,
    /// For how long it was waited for before that, and what it has taken meanwhile.
    waited: Duration,
    taken: usize,
    timer: Pin<Box<Sleep>>,
}

impl<T> CutOffSlow<T> {
    pub(super) fn new(io: T, patience: Duration) -> Self {
        let timer = Box::pin(sleep_until(Instant::now()));
        Self { io, patience, since: None, waited: Duration::ZERO, taken: 0, timer }
    }

    fn took(&mut self, bytes: usize) {
        self.waited += self.since.take().map_or(Duration::ZERO, |since| since.elapsed());
        self.taken = self.taken.saturating_add(bytes);
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
        }
        self.timer.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for CutOffSlow<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for CutOffSlow<T> {
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

impl<T: Unpin> CutOffSlow<T> {
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

    /// Writes 300 KiB to a client that takes so many bytes, then waits so long, and so on.
    async fn taken_by(bytes: usize, pause: Duration) -> io::Result<()> {
        let (ours, mut theirs) = duplex(1_000);
        let mut ours = CutOffSlow::new(ours, PATIENCE);
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
        let mut ours = CutOffSlow::new(ours, PATIENCE);
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
}
