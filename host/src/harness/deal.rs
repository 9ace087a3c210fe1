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

/// What each instance of a batch holds of the input. The reader has it too.
pub(super) struct Deal {
    dealing: Mutex<Dealing>,
    waiting: Arc<Waiting>,
}

/// Wakes the instances that wait for input. Apart from the rest, which is locked while the input is polled: that may wake them at once.
struct Waiting(Mutex<Vec<Option<Waker>>>);

struct Dealing {
    has_ended: bool,
    hands: Vec<Hand>,
    /// To which instance each request went, in the order of the input; from the first whose outcome has not been taken. Empty unless
    /// outcomes come in that order.
    sequence: Option<VecDeque<usize>>,
    /// Woken when a request is dealt.
    reader: Option<Waker>,
}

/// What one instance has of the input.
#[derive(Default)]
struct Hand {
    /// Requests whose outcomes have not been taken.
    held: usize,
    /// How many it can have in flight.
    slots: usize,
    /// Whether it has room for more, as far as it has said. At first each has.
    asks: bool,
    /// It takes no more.
    has_left: bool,
}

/// The input of one instance. Dropping it leaves the rest to the others.
pub(super) struct Dealt {
    deal: Arc<Deal>,
    /// Locked while it is polled and until what it gave is recorded. The reader never waits for it, and the last instance drops it.
    input: Arc<Mutex<BoxStream<'static, Numbered>>>,
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
        let before = self.lock().get_mut(place).map(|slot| std::mem::replace(slot, waker));
        // Dropped here, when nothing is locked.
        drop(before);
    }

    fn wake_one(&self, place: usize) {
        if let Some(Some(waker)) = self.lock().get(place) {
            waker.wake_by_ref();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Option<Waker>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deal {
    /// For instances with so many slots each: the input of each, too.
    pub(super) fn new(input: BoxStream<'static, Numbered>, slots: &[usize], in_order: bool) -> (Arc<Self>, Vec<Dealt>) {
        let sequence = in_order.then(VecDeque::new);
        let hand = |slots: &usize| Hand { slots: *slots, asks: true, ..Hand::default() };
        let hands = slots.iter().map(hand).collect();
        let dealing = Mutex::new(Dealing { has_ended: false, hands, sequence, reader: None });
        let waiting = Arc::new(Waiting(Mutex::new(vec![None; slots.len()])));
        let (deal, input) = (Arc::new(Self { dealing, waiting }), Arc::new(Mutex::new(input)));
        let dealt = |place| Dealt { deal: Arc::clone(&deal), input: Arc::clone(&input), place };
        let dealt = (0..slots.len()).map(dealt).collect();
        (deal, dealt)
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
        let was_held_back = dealing.must_wait(place);
        if let Some(hand) = dealing.hands.get_mut(place) {
            hand.held = hand.held.saturating_sub(1);
        }
        if let Some(sequence) = &mut dealing.sequence {
            sequence.pop_front();
        }
        drop(dealing);
        if was_held_back {
            self.waiting.wake_one(place);
        }
    }

    /// Nothing panics while it is locked.
    fn lock(&self) -> MutexGuard<'_, Dealing> {
        self.dealing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An instance has no room, until it polls again.
    fn pause(&self, place: usize) {
        let has_asked = self.lock().set_asks(place, false);
        if has_asked {
            self.waiting.set(place, None);
            Waiting::wake_by_ref(&self.waiting);
        }
    }

    /// An instance reads no more. Returns whether the rest is nobody else's.
    fn leave(&self, place: usize) -> bool {
        let is_last = self.lock().leave(place);
        self.pause(place);
        is_last
    }
}

impl Dealing {
    /// Whether the input has ended, if it is the turn of this instance.
    fn poll_turn(&mut self, place: usize) -> Poll<bool> {
        self.set_asks(place, true);
        if self.must_wait(place) { Poll::Pending } else { Poll::Ready(self.has_ended) }
    }

    /// Whether another instance that has room has free slots, which this one has not, or far fewer requests.
    fn must_wait(&self, place: usize) -> bool {
        let Some(own) = self.hands.get(place) else { return false };
        let mut others = self.hands.iter().enumerate().filter(|(other, hand)| *other != place && hand.asks);
        let before = |hand: &Hand| hand.held + SLACK <= own.held || (own.held >= own.slots && hand.held < hand.slots);
        !self.has_ended && others.any(|(_, hand)| before(hand))
    }

    /// The input gave this instance a request.
    fn record(&mut self, place: usize) {
        if let Some(hand) = self.hands.get_mut(place) {
            hand.held += 1;
        }
        if let Some(sequence) = &mut self.sequence {
            sequence.push_back(place);
        }
        self.reader.take().into_iter().for_each(Waker::wake);
    }

    /// Returns whether it asked before.
    fn set_asks(&mut self, place: usize, asks: bool) -> bool {
        let hand = self.hands.get_mut(place);
        hand.is_some_and(|hand| std::mem::replace(&mut hand.asks, asks && !hand.has_left))
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
    /// The instance has no room for more.
    pub(super) fn pause(&self) {
        self.deal.pause(self.place);
    }

    /// The instance takes no more. Returns whether there is no other to read the rest.
    pub(super) fn leave(&self) -> bool {
        self.deal.leave(self.place)
    }
}

impl Stream for Dealt {
    type Item = Numbered;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Numbered>> {
        let Self { deal, input, place } = &*self;
        // First, so that no waking is missed.
        deal.waiting.set(*place, Some(cx.waker().clone()));
        // An input that has panicked has ended.
        let Ok(mut input) = input.lock() else { return Poll::Ready(None) };
        if ready!(deal.lock().poll_turn(*place)) {
            return Poll::Ready(None);
        }
        let entry = ready!(input.poll_next_unpin(&mut Context::from_waker(&waker_ref(&deal.waiting))));
        match &entry {
            Some(_) => deal.lock().record(*place),
            None => deal.lock().has_ended = true,
        }
        drop(input);
        deal.waiting.set(*place, None);
        // Another may have waited for this one.
        Waiting::wake_by_ref(&deal.waiting);
        Poll::Ready(entry)
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

    fn deal(count: u64, in_order: bool) -> (Arc<Deal>, [Dealt; 2]) {
        let requests = (0..count).map(|id| Ok(Request::get(id, "http://origin.test/")));
        two(futures::stream::iter(requests).boxed(), in_order)
    }

    fn two(input: BoxStream<'static, Numbered>, in_order: bool) -> (Arc<Deal>, [Dealt; 2]) {
        let (deal, dealt) = Deal::new(input, &[6, 6], in_order);
        (deal, dealt.try_into().ok().expect("two"))
    }

    /// How many it gets without waiting.
    fn take_all(dealt: &mut Dealt) -> usize {
        std::iter::from_fn(|| dealt.next().now_or_never().flatten()).count()
    }

    #[test]
    fn an_instance_waits_while_another_with_room_has_far_fewer_or_free_slots() {
        let (_, [mut first, mut second]) = deal(20, false);
        assert_eq!(take_all(&mut first), SLACK, "the second has none yet");
        assert_eq!(take_all(&mut second), 6, "its slots, then the first has free ones");
        assert_eq!(take_all(&mut first), 2 + SLACK, "its slots, and then as many ahead");
        second.pause();
        assert_eq!(take_all(&mut first), 4, "the second has no room");
        assert_eq!(take_all(&mut second), 0, "there is nothing left");
    }

    #[test]
    fn an_instance_that_leaves_is_not_waited_for() {
        let (_, [mut first, second]) = deal(20, false);
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
        let (_, [mut dealt, _other]) = two(input.boxed(), false);
        assert!(dealt.next().now_or_never().is_none());
        assert_eq!(dealt.next().now_or_never(), Some(None));
    }

    #[test]
    fn the_order_of_the_input_is_known_by_who_has_what() {
        let (deal, [mut first, mut second]) = deal(10, true);
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
