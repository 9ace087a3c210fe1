//! Whichever step fails, and whenever a batch is dropped: no outcome is lost and nothing is left behind.

use super::{MS, policy, wait_until_idle};
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

/// Counts I/O steps and fails one of them.
#[derive(Clone)]
struct FaultInjector {
    steps: Arc<AtomicU64>,
    failing_step: Arc<AtomicU64>,
}

impl FaultInjector {
    fn step(&self) -> io::Result<()> {
        let step = self.steps.fetch_add(1, Ordering::SeqCst) + 1;
        if step == self.failing_step.load(Ordering::SeqCst) { Err(io::Error::other("injected")) } else { Ok(()) }
    }
}

/// Connections whose failing step is counted over all of them; a step is a connect, a read or a write.
struct FaultyConnector(FaultInjector);

impl Connect for FaultyConnector {
    fn connect(&self, to: fantail::Approved) -> BoxFuture<'static, io::Result<Box<dyn Transport>>> {
        let (injector, connecting) = (self.0.clone(), TcpConnector.connect(to));
        async move {
            injector.step()?;
            let transport = connecting.await?;
            Ok(Box::new(FaultyTransport { injector, transport }) as Box<dyn Transport>)
        }
        .boxed()
    }
}

struct FaultyTransport {
    injector: FaultInjector,
    transport: Box<dyn Transport>,
}

impl AsyncRead for FaultyTransport {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.injector.step()?;
        Pin::new(&mut self.transport).poll_read(cx, buffer)
    }
}

impl AsyncWrite for FaultyTransport {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.injector.step()?;
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
async fn s5_a_fault_at_any_io_step_fails_at_most_one_request_and_leaves_nothing_behind() {
    let origin = origin().await;
    let injector = FaultInjector { steps: Arc::default(), failing_step: Arc::default() };
    let harness = builder().connector(FaultyConnector(injector.clone())).build().unwrap();
    let paths = ["/ok", "/bytes/30000", "/chunked/5000", "/status/404"];
    let urls: Vec<String> = (0..20).map(|id| origin.url(paths[id % paths.len()])).collect();
    let narrow = Policy { concurrency: Some(4), ..policy() };
    for failing_step in 1.. {
        assert!(failing_step < 2_000, "twenty requests take too many steps");
        injector.steps.store(0, Ordering::SeqCst);
        injector.failing_step.store(failing_step, Ordering::SeqCst);
        let (outcomes, report) = run(&harness, requests(urls.clone()), &narrow).await;
        let outcomes = by_id(outcomes);
        let failed = outcomes.iter().filter(|outcome| outcome.result.is_err()).count();
        assert!(outcomes.len() == 20 && failed <= 1, "step {failing_step}: {failed} failed");
        assert!(matches!(report.end, End::Finished(Some(_))), "step {failing_step}: {:?}", report.end);
        wait_until_idle(&harness).await;
        let connections = harness.connections();
        until(&origin, |counts| counts.in_flight == 0 && counts.open <= connections.idle).await;
        if injector.steps.load(Ordering::SeqCst) < failing_step {
            return;
        }
    }
}

/// Polls a future at most `polls` times, then returns `None`.
struct PollLimit<F> {
    future: Pin<Box<F>>,
    polls: u32,
}

impl<F: Future> Future for PollLimit<F> {
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
async fn x1_a_batch_dropped_at_any_poll_leaves_nothing_behind() {
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
        finished = PollLimit { future: Box::pin(batch), polls }.await.is_some();
        until(&origin, |counts| counts.in_flight == 0).await;
        wait_until_idle(&harness).await;
    }
    drop(harness);
    until(&origin, |counts| counts.open == 0).await;
    // Gives cancelled tasks a turn to end.
    tokio::time::sleep(MS).await;
    // Only the listener's task is left.
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 1);
}
