//! Deals one input out to the instances that run a batch, each of which takes from it when it has room.

use super::ledger::Numbered;
use futures::stream::BoxStream;
use futures::task::{ArcWake, waker_ref};
use futures::{Stream, StreamExt};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

/// How many more requests than another that asks for some an instance may hold: enough that they seldom wait for each other.
const SLACK: usize = 4;

/// The input of all instances of a batch, and what each holds of it.
pub(super) struct Deal {
    dealing: Mutex<Dealing>,
    waiting: Arc<Waiting>,
}

/// Wakes the instances that wait for input. Apart from the rest, which is locked while the input is polled: that may wake them at once.
struct Waiting(Mutex<Vec<Option<Waker>>>);

struct Dealing {
    input: BoxStream<'static, Numbered>,
    has_ended: bool,
    hands: Vec<Hand>,
    /// To which instance each request went, in the order of the input; from the first whose outcome has not been taken. Empty unless
    /// outcomes come in that order.
    sequence: Option<VecDeque<usize>>,
    /// Woken when a request is dealt.
    reader: Option<Waker>,
}

/// What one instance has of the input.
#[derive(Clone)]
struct Hand {
    /// Requests whose outcomes have not been taken.
    held: usize,
    /// Whether it waits for more. At first each will.
    asks: bool,
    has_left: bool,
}

/// The input of one instance. Dropping it leaves the rest to the others.
pub(super) struct Dealt {
    deal: Arc<Deal>,
    place: usize,
}

impl ArcWake for Waiting {
    fn wake_by_ref(waiting: &Arc<Self>) {
        for waker in waiting.lock().iter().flatten() {
            waker.wake_by_ref();
        }
    }
}

impl Waiting {
    fn set(&self, place: usize, waker: Option<Waker>) {
        if let Some(slot) = self.lock().get_mut(place) {
            *slot = waker;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Option<Waker>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deal {
    pub(super) fn new(input: BoxStream<'static, Numbered>, instances: usize, in_order: bool) -> Arc<Self> {
        let sequence = in_order.then(VecDeque::new);
        let hands = vec![Hand { held: 0, asks: true, has_left: false }; instances];
        let dealing = Mutex::new(Dealing { input, has_ended: false, hands, sequence, reader: None });
        let waiting = Arc::new(Waiting(Mutex::new(vec![None; instances])));
        Arc::new(Self { dealing, waiting })
    }

    pub(super) fn dealt(self: &Arc<Self>, place: usize) -> Dealt {
        Dealt { deal: Arc::clone(self), place }
    }

    /// Whether the input was read to its end.
    pub(super) fn has_ended(&self) -> bool {
        self.lock().has_ended
    }

    /// The instance that has the next outcome in the order of the input; woken when there may be one.
    pub(super) fn next_in_order(&self, cx: &Context<'_>) -> Option<usize> {
        let mut dealing = self.lock();
        let next = dealing.sequence.as_ref().and_then(|sequence| sequence.front().copied());
        if next.is_none() {
            dealing.reader = Some(cx.waker().clone());
        }
        next
    }

    /// The reader has taken an outcome of this instance, or there will be none for the request that is next in order.
    pub(super) fn taken(&self, place: usize) {
        let mut dealing = self.lock();
        if let Some(hand) = dealing.hands.get_mut(place) {
            hand.held = hand.held.saturating_sub(1);
        }
        if let Some(sequence) = &mut dealing.sequence {
            sequence.pop_front();
        }
    }

    /// No code panics while it is locked, but for the caller's stream: then the input is over.
    fn lock(&self) -> MutexGuard<'_, Dealing> {
        self.dealing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next request for an instance, if it is its turn.
    fn poll_deal(&self, place: usize, cx: &Context<'_>) -> Poll<Option<Numbered>> {
        // First, so that no waking is missed.
        self.waiting.set(place, Some(cx.waker().clone()));
        let entry = {
            let mut dealing = self.lock();
            dealing.set_asks(place, true);
            if dealing.must_wait(place) {
                return Poll::Pending;
            }
            let entry = ready!(dealing.poll_input(&mut Context::from_waker(&waker_ref(&self.waiting))));
            dealing.set_asks(place, false);
            match &entry {
                Some(_) => dealing.record(place),
                None => dealing.has_ended = true,
            }
            entry
        };
        self.waiting.set(place, None);
        // Another may have waited for this one.
        Waiting::wake_by_ref(&self.waiting);
        Poll::Ready(entry)
    }

    /// An instance reads no more. Returns whether the rest is nobody else's.
    fn leave(&self, place: usize) -> bool {
        let is_last = self.lock().leave(place);
        self.waiting.set(place, None);
        Waiting::wake_by_ref(&self.waiting);
        is_last
    }
}

impl Dealing {
    fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<Option<Numbered>> {
        if self.has_ended { Poll::Ready(None) } else { self.input.poll_next_unpin(cx) }
    }

    /// Whether another instance that asks for requests has fewer.
    fn must_wait(&self, place: usize) -> bool {
        let held = self.hands.get(place).map_or(0, |hand| hand.held);
        let others = self.hands.iter().enumerate().filter(|(other, hand)| *other != place && !hand.has_left);
        !self.has_ended && others.into_iter().any(|(_, hand)| hand.asks && hand.held + SLACK <= held)
    }

    fn record(&mut self, place: usize) {
        if let Some(hand) = self.hands.get_mut(place) {
            hand.held += 1;
        }
        if let Some(sequence) = &mut self.sequence {
            sequence.push_back(place);
        }
        self.reader.take().into_iter().for_each(Waker::wake);
    }

    fn set_asks(&mut self, place: usize, asks: bool) {
        if let Some(hand) = self.hands.get_mut(place) {
            hand.asks = asks;
        }
    }

    /// Returns whether all have left.
    fn leave(&mut self, place: usize) -> bool {
        if let Some(hand) = self.hands.get_mut(place) {
            hand.has_left = true;
        }
        self.hands.iter().all(|hand| hand.has_left)
    }
}

impl Dealt {
    /// The instance has broken down. Returns whether there is no other to read the rest.
    pub(super) fn leave(&self) -> bool {
        self.deal.leave(self.place)
    }
}

impl Stream for Dealt {
    type Item = Numbered;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Numbered>> {
        self.deal.poll_deal(self.place, cx)
    }
}

impl Drop for Dealt {
    fn drop(&mut self) {
        self.deal.leave(self.place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fantail_engine::Request;
    use futures::FutureExt;

    fn deal(count: u64, in_order: bool) -> Arc<Deal> {
        let requests = (0..count).map(|id| Ok(Request::get(id, "http://origin.test/")));
        Deal::new(futures::stream::iter(requests).boxed(), 2, in_order)
    }

    /// How many it gets without waiting.
    fn take_all(dealt: &mut Dealt) -> usize {
        std::iter::from_fn(|| dealt.next().now_or_never().flatten()).count()
    }

    #[test]
    fn an_instance_waits_while_another_that_asks_has_fewer() {
        let deal = deal(20, false);
        let [mut first, mut second] = [0, 1].map(|place| deal.dealt(place));
        assert_eq!(take_all(&mut first), SLACK, "the second has none yet");
        assert_eq!(take_all(&mut second), 2 * SLACK, "now the first has fewer");
        assert_eq!(take_all(&mut first), 2 * SLACK);
        assert_eq!(take_all(&mut second), 0, "there is nothing left");
    }

    #[test]
    fn an_instance_that_leaves_is_not_waited_for() {
        let deal = deal(20, false);
        let [mut first, second] = [0, 1].map(|place| deal.dealt(place));
        assert!(!second.leave(), "the first is there");
        drop(second);
        assert_eq!(take_all(&mut first), 20);
        assert!(first.leave(), "nobody else is");
    }

    #[test]
    fn an_input_may_wake_its_reader_while_it_is_read() {
        let mut asked = false;
        let input = futures::stream::poll_fn(move |cx| {
            cx.waker().wake_by_ref();
            if std::mem::replace(&mut asked, true) { Poll::Ready(None) } else { Poll::Pending }
        });
        let deal = Deal::new(input.boxed(), 2, false);
        let mut dealt = deal.dealt(0);
        assert!(dealt.next().now_or_never().is_none());
        assert_eq!(dealt.next().now_or_never(), Some(None));
    }

    #[test]
    fn the_order_of_the_input_is_known_by_who_has_what() {
        let deal = deal(10, true);
        let [mut first, mut second] = [0, 1].map(|place| deal.dealt(place));
        assert_eq!((take_all(&mut first), take_all(&mut second)), (SLACK, 10 - SLACK));
        let cx = Context::from_waker(Waker::noop());
        let sequence: Vec<_> = std::iter::from_fn(|| {
            let next = deal.next_in_order(&cx)?;
            deal.taken(next);
            Some(next)
        })
        .collect();
        assert_eq!(sequence, [0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
    }
}
