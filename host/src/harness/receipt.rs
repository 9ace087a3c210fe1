//! What a batch has cost.

use crate::sandbox::Sandbox;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// What a batch has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Instances that ran it.
    pub instances: u32,
    /// Bytes of the instance's memories at their largest.
    pub memory: u64,
    /// How long the instance was run: its own computing, and what the host did for it at once.
    pub busy: Duration,
    /// How often it asked something of the host.
    pub host_calls: u64,
    /// Connections opened for it.
    pub opened: u64,
    /// Requests of it that found a connection open.
    pub reused: u64,
    /// Bytes that came over its connections, TLS and heads included. What comes over one of HTTP/2 is charged to the batch that
    /// used it last.
    pub received: u64,
    /// Bytes that went out.
    pub sent: u64,
    /// From the batch being handed over to its end.
    pub elapsed: Duration,
}

impl Receipt {
    pub(super) fn of(sandbox: &Sandbox, busy: &Busy, elapsed: Duration) -> Self {
        let used = sandbox.used();
        Self {
            instances: 1,
            memory: used.memory as u64,
            busy: Duration::from_nanos(busy.0.load(Ordering::Relaxed)),
            host_calls: used.host_calls,
            opened: used.network.opened,
            reused: used.network.reused,
            received: used.network.received,
            sent: used.network.sent,
            elapsed,
        }
    }
}

/// Adds up how long futures are polled, in nanoseconds.
#[derive(Clone, Default)]
pub(super) struct Busy(Arc<AtomicU64>);

impl Busy {
    pub(super) fn timed<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
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
        let begun = Instant::now();
        let polled = self.future.as_mut().poll(cx);
        let nanos = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.busy.0.fetch_add(nanos, Ordering::Relaxed);
        polled
    }
}
