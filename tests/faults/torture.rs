//! Whatever fails, and whenever one leaves: nothing is lost and nothing is left.

use super::{MS, policy, settled};
use crate::support::{builder, by_id, harness, origin, requests, run, until};
use fantail::{Connect, End, Policy, TcpConnector, Transport};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Counts steps, and says when the one has come that is to fail.
#[derive(Clone)]
struct Fuse {
    steps: Arc<AtomicU64>,
    fails: Arc<AtomicU64>,
}

impl Fuse {
    fn step(&self) -> io::Result<()> {
        let step = self.steps.fetch_add(1, Ordering::SeqCst) + 1;
        if step == self.fails.load(Ordering::SeqCst) { Err(io::Error::other("injected")) } else { Ok(()) }
    }
}

/// Connections of which the k-th step fails, counted over all of them: a connect, a read or a write.
struct Fused(Fuse);

impl Connect for Fused {
    fn connect(&self, to: fantail::Approved) -> BoxFuture<'static, io::Result<Box<dyn Transport>>> {
        let (fuse, connecting) = (self.0.clone(), TcpConnector.connect(to));
        async move {
            fuse.step()?;
            let transport = connecting.await?;
            Ok(Box::new(FusedTransport { fuse, transport }) as Box<dyn Transport>)
        }
        .boxed()
    }
}

struct FusedTransport {
    fuse: Fuse,
    transport: Box<dyn Transport>,
}

impl AsyncRead for FusedTransport {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.fuse.step()?;
        Pin::new(&mut self.transport).poll_read(cx, buffer)
    }
}

impl AsyncWrite for FusedTransport {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.fuse.step()?;
        Pin::new(&mut self.transport).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn s5_whichever_step_of_a_batch_fails_it_is_one_requests_failure_and_nothing_is_left() {
    let origin = origin().await;
    let fuse = Fuse { steps: Arc::default(), fails: Arc::default() };
    let harness = builder().connector(Fused(fuse.clone())).build().unwrap();
    let paths = ["/ok", "/bytes/30000", "/chunked/5000", "/status/404"];
    let urls: Vec<String> = (0..20).map(|id| origin.url(paths[id % paths.len()])).collect();
    let narrow = Policy { concurrency: Some(4), ..policy() };
    for fails in 1.. {
        assert!(fails < 2_000, "the steps of twenty requests do not end");
        fuse.steps.store(0, Ordering::SeqCst);
        fuse.fails.store(fails, Ordering::SeqCst);
        let (outcomes, report) = run(&harness, requests(urls.clone()), &narrow).await;
        let outcomes = by_id(outcomes);
        let failed = outcomes.iter().filter(|outcome| outcome.result.is_err()).count();
        assert!(outcomes.len() == 20 && failed <= 1, "step {fails}: {failed} failed");
        assert!(matches!(report.end, End::Finished(Some(_))), "step {fails}: {:?}", report.end);
        settled(&harness).await;
        let connections = harness.connections();
        until(&origin, |counts| counts.in_flight == 0 && counts.open <= connections.idle).await;
        if fuse.steps.load(Ordering::SeqCst) < fails {
            return;
        }
    }
}

/// Polls a future so many times, then gives it up.
struct GivenUp<F> {
    future: Pin<Box<F>>,
    polls: u32,
}

impl<F: Future> Future for GivenUp<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls == 0 {
            return Poll::Ready(None);
        }
        self.polls -= 1;
        match self.future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if self.polls == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

#[tokio::test]
async fn x1_a_batch_dropped_at_whichever_poll_leaves_nothing() {
    let (origin, harness) = (origin().await, harness());
    let paths = ["/ok", "/bytes/300000", "/delay/5", "/hang", "/drip/5"];
    let urls: Vec<String> = (0..20).map(|id| origin.url(paths[id % paths.len()])).collect();
    let narrow = Policy { concurrency: Some(8), attempt_timeout: Some(30 * MS), ..policy() };
    let mut finished = false;
    let mut polls = 0;
    while !finished {
        polls += 1;
        assert!(polls < 5_000, "the batch does not end");
        let batch = async {
            let mut outcomes = harness.fetch(requests(urls.clone()), &narrow).await.unwrap();
            let mut outcomes = pin!(&mut outcomes);
            while outcomes.next().await.is_some() {}
        };
        finished = GivenUp { future: Box::pin(batch), polls }.await.is_some();
        until(&origin, |counts| counts.in_flight == 0).await;
        settled(&harness).await;
    }
    drop(harness);
    until(&origin, |counts| counts.open == 0).await;
    // What was told to end has a turn to do so.
    tokio::time::sleep(MS).await;
    // The listener's task is all there is.
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 1);
}
