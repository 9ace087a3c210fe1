//! Measures how long an instance runs.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Adds up how long a future is polled: the computation of an instance, and the synchronous work of the host for it.
#[derive(Clone)]
pub(crate) struct Busy(Arc<Inner>);

struct Inner {
    epoch: Instant,
    /// The time of finished polls, in nanoseconds.
    total: AtomicU64,
    /// When the current poll started, in nanoseconds from `epoch`; zero if there is none.
    since: AtomicU64,
}

impl Default for Busy {
    fn default() -> Self {
        Self(Arc::new(Inner { epoch: Instant::now(), total: AtomicU64::new(0), since: AtomicU64::new(0) }))
    }
}

impl Busy {
    /// The time so far, including the current poll.
    pub(crate) fn total(&self) -> Duration {
        let since = self.0.since.load(Ordering::Relaxed);
        let running = if since == 0 { 0 } else { self.now().saturating_sub(since) };
        Duration::from_nanos(self.0.total.load(Ordering::Relaxed) + running)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1)
    }

    pub(crate) fn timed<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        Timed { busy: self.clone(), future: Box::pin(future) }
    }
}

struct Timed<F> {
    busy: Busy,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Timed<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let started = self.busy.now();
        self.busy.0.since.store(started, Ordering::Relaxed);
        let polled = self.future.as_mut().poll(cx);
        self.busy.0.since.store(0, Ordering::Relaxed);
        self.busy.0.total.fetch_add(self.busy.now().saturating_sub(started), Ordering::Relaxed);
        polled
    }
}
