//! When something happened to an exchange, noted by the task in which it happened.

use futures::task::AtomicWaker;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use tokio::time::Instant;

/// What others than its own task know of an attempt. A component may run for a while before it looks at an answer; the tasks of the
/// connection do not wait for it, so what they note is the time on the wire and not the time of our own wake.
pub(crate) struct Watch {
    begun: Instant,
    /// When the answer was last announced, in nanoseconds from `begun`.
    announced: AtomicU64,
    /// When the request's body had been read to its end, likewise. [`NEVER`] before.
    body_ended: AtomicU64,
    informational: AtomicU32,
    most_informational: u32,
    /// Whoever waits for the answer.
    outer: AtomicWaker,
}

const NEVER: u64 = u64::MAX;

/// There were more informational responses than are allowed.
pub(crate) struct TooManyInformational;

impl Watch {
    pub(crate) fn new(begun: Instant, most_informational: u32) -> Arc<Self> {
        Arc::new(Self {
            begun,
            announced: AtomicU64::new(NEVER),
            body_ended: AtomicU64::new(NEVER),
            informational: AtomicU32::new(0),
            most_informational,
            outer: AtomicWaker::new(),
        })
    }

    /// Before the request is sent, for the first time or again.
    pub(crate) fn reset(&self) {
        self.announced.store(NEVER, Ordering::Relaxed);
        self.body_ended.store(NEVER, Ordering::Relaxed);
        self.informational.store(0, Ordering::Relaxed);
    }

    pub(crate) fn body_ended(&self) {
        self.body_ended.store(self.now(), Ordering::Relaxed);
    }

    /// When the request's body had been read to its end.
    pub(crate) fn end_of_body(&self) -> Option<Instant> {
        self.at(&self.body_ended)
    }

    pub(crate) fn informational(&self) {
        if self.informational.fetch_add(1, Ordering::Relaxed) >= self.most_informational {
            self.outer.wake();
        }
    }

    fn is_flooded(&self) -> bool {
        self.informational.load(Ordering::Relaxed) > self.most_informational
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(NEVER - 1)
    }

    fn at(&self, noted: &AtomicU64) -> Option<Instant> {
        let nanos = noted.load(Ordering::Relaxed);
        (nanos != NEVER).then(|| self.begun + Duration::from_nanos(nanos))
    }
}

impl Wake for Watch {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.announced.store(self.now(), Ordering::Release);
        self.outer.wake();
    }
}

/// Waits for an answer, and gives it with the moment at which it was there.
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
        watch.outer.register(cx.waker());
        if watch.is_flooded() {
            return Poll::Ready(Err(TooManyInformational));
        }
        let polled = Pin::new(answer).poll(&mut Context::from_waker(waker));
        polled.map(|answer| Ok((answer, watch.at(&watch.announced).unwrap_or_else(Instant::now))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;
    use tokio::time::{advance, sleep};

    const MS: Duration = Duration::from_millis(1);

    /// T5: the head's time is not that of our own wake.
    #[tokio::test(start_paused = true)]
    async fn the_moment_of_an_answer_is_when_it_came_and_not_when_it_was_looked_at() {
        let begun = Instant::now();
        let watch = Watch::new(begun, 16);
        let (answer, answered) = oneshot::channel();
        let mut watched = Watched::new(&watch, answered);
        assert!(futures::poll!(&mut watched).is_pending());
        advance(30 * MS).await;
        answer.send("head").unwrap();
        // Whoever waits for it is busy with something else.
        sleep(500 * MS).await;
        let Ok((answer, at)) = watched.await else { panic!("flooded") };
        assert_eq!((answer, at - begun), (Ok("head"), 30 * MS));
    }

    #[tokio::test(start_paused = true)]
    async fn more_informational_responses_than_allowed_end_the_wait() {
        let watch = Watch::new(Instant::now(), 2);
        let mut watched = Watched::new(&watch, std::future::pending::<()>());
        watch.informational();
        watch.informational();
        assert!(futures::poll!(&mut watched).is_pending());
        watch.informational();
        assert!(watched.await.is_err());
    }
}
