//! Timestamps of an exchange, recorded by the task in which each event happens.

use futures::task::AtomicWaker;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use tokio::time::Instant;

/// What the connection's tasks record of an attempt. A component may compute for a while before it polls for an answer; the
/// connection's tasks do not wait for it, so the times they record are those on the wire, not those of the component's next turn.
pub(crate) struct Watch {
    started: Instant,
    /// When the task that waits for the answer was last woken, in nanoseconds since `started`. [`NEVER`] before.
    last_wake: AtomicU64,
    /// When the request's body had been read to its end, likewise.
    body_ended: AtomicU64,
    informational: AtomicU32,
    max_informational: u32,
    /// The task that waits for the answer.
    waiter: AtomicWaker,
}

const NEVER: u64 = u64::MAX;

/// More informational responses were received than are allowed.
pub(crate) struct TooManyInformational;

impl Watch {
    pub(crate) fn new(started: Instant, max_informational: u32) -> Arc<Self> {
        Arc::new(Self {
            started,
            last_wake: AtomicU64::new(NEVER),
            body_ended: AtomicU64::new(NEVER),
            informational: AtomicU32::new(0),
            max_informational,
            waiter: AtomicWaker::new(),
        })
    }

    /// Must be called before the request is sent, for the first time or again.
    pub(crate) fn reset(&self) {
        self.last_wake.store(NEVER, Ordering::Relaxed);
        self.body_ended.store(NEVER, Ordering::Relaxed);
        self.informational.store(0, Ordering::Relaxed);
    }

    pub(crate) fn body_ended(&self) {
        self.body_ended.store(self.now(), Ordering::Relaxed);
    }

    /// When the request's body had been read to its end.
    pub(crate) fn body_ended_at(&self) -> Option<Instant> {
        self.instant(&self.body_ended)
    }

    pub(crate) fn count_informational(&self) {
        if self.informational.fetch_add(1, Ordering::Relaxed) >= self.max_informational {
            self.waiter.wake();
        }
    }

    fn has_too_many_informational(&self) -> bool {
        self.informational.load(Ordering::Relaxed) > self.max_informational
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(NEVER - 1)
    }

    fn instant(&self, recorded: &AtomicU64) -> Option<Instant> {
        let nanos = recorded.load(Ordering::Relaxed);
        (nanos != NEVER).then(|| self.started + Duration::from_nanos(nanos))
    }
}

impl Wake for Watch {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.last_wake.store(self.now(), Ordering::Release);
        self.waiter.wake();
    }
}

/// Waits for an answer, and returns it with the time at which it arrived.
pub(crate) struct Watched<F> {
    answer: F,
    watch: Arc<Watch>,
    waker: Waker,
}

impl<F: Future + Unpin> Watched<F> {
    pub(crate) fn new(watch: &Arc<Watch>, answer: F) -> Self {
        Self { answer, watch: Arc::clone(watch), waker: Waker::from(Arc::clone(watch)) }
    }
}

impl<F: Future + Unpin> Future for Watched<F> {
    type Output = Result<(F::Output, Instant), TooManyInformational>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { answer, watch, waker } = &mut *self;
        watch.waiter.register(cx.waker());
        if watch.has_too_many_informational() {
            return Poll::Ready(Err(TooManyInformational));
        }
        let polled = Pin::new(answer).poll(&mut Context::from_waker(waker));
        polled.map(|answer| Ok((answer, watch.instant(&watch.last_wake).unwrap_or_else(Instant::now))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;
    use tokio::time::{advance, sleep};

    const MS: Duration = Duration::from_millis(1);

    /// T5: the time of the head is not that of our own wake.
    #[tokio::test(start_paused = true)]
    async fn the_time_of_an_answer_is_when_it_arrived_and_not_when_it_was_polled() {
        let started = Instant::now();
        let watch = Watch::new(started, 16);
        let (answer, answered) = oneshot::channel();
        let mut watched = Watched::new(&watch, answered);
        assert!(futures::poll!(&mut watched).is_pending());
        advance(30 * MS).await;
        answer.send("head").unwrap();
        // The waiting task is busy with something else.
        sleep(500 * MS).await;
        let Ok((answer, at)) = watched.await else { panic!("too many informational responses") };
        assert_eq!((answer, at - started), (Ok("head"), 30 * MS));
    }

    #[tokio::test(start_paused = true)]
    async fn more_informational_responses_than_allowed_end_the_wait() {
        let watch = Watch::new(Instant::now(), 2);
        let mut watched = Watched::new(&watch, std::future::pending::<()>());
        watch.count_informational();
        watch.count_informational();
        assert!(futures::poll!(&mut watched).is_pending());
        watch.count_informational();
        assert!(watched.await.is_err());
    }
}
