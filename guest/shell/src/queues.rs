//! The queues between a batch and its caller: requests on their way in, outcomes on their way out.

use crate::response::{Incoming, Response};
use fantail_engine::{Outcome, Request, Settings, Summary};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Requests that may be pushed before they enter the batch's window.
const MAX_WAITING: usize = 1 << 20;

/// Bytes of outcomes passed in one call, unless a single outcome is larger: far less than any host allows (wasmtime lets 128 MiB pass), and
/// enough that the cost of a call does not matter. With a smaller limit, large bodies would come one by one.
const MAX_TAKEN_BYTES: usize = 512 << 10;

/// An answer to the engine: what was read, and whether the input has ended.
pub(crate) type Read = (Vec<Request>, bool);

/// An action of the caller that the engine has to know about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReaderEvent {
    /// It waits for outcomes.
    Demand,
    /// It has taken this many outcomes.
    Taken(u32),
    /// It wants every outcome now.
    Stopped,
    /// It has cancelled or dropped the batch.
    Left,
}

struct Queues<I: Incoming> {
    /// Requests that were pushed and not read by the engine, each with its size in bytes.
    requests: VecDeque<(Request, u64)>,
    /// No more requests are accepted: the caller or the engine has closed the input.
    closed: bool,
    /// Another task may push while nothing is under way.
    kept_open: bool,
    /// How many requests the engine has asked for.
    requested: usize,
    /// The engine has been told that the input has ended.
    ended: bool,
    outcomes: VecDeque<Outcome<Response<I>>>,
    /// Requests pushed whose outcome has not been taken.
    outstanding: usize,
    /// Requests pushed so far.
    pushed: u64,
    window: usize,
    window_bytes: u64,
    /// Bytes of `requests`.
    pushed_bytes: u64,
    /// Bytes that the engine holds.
    held_bytes: u64,
    /// Whether outcomes have been asked for.
    has_demand: bool,
    /// Actions of the caller that the engine has not been told about.
    demand_pending: bool,
    taken_pending: u32,
    stop_pending: bool,
    left_pending: bool,
    cancelled: bool,
    /// Present when the batch has ended.
    summary: Option<Summary>,
    batch: Wakers,
    takers: Wakers,
    pushers: Wakers,
}

/// Tasks to be woken.
#[derive(Default)]
struct Wakers(Vec<Waker>);

impl Wakers {
    fn add(&mut self, cx: &Context<'_>) {
        if !self.0.iter().any(|waker| waker.will_wake(cx.waker())) {
            self.0.push(cx.waker().clone());
        }
    }

    fn wake(&mut self) {
        self.0.drain(..).for_each(Waker::wake);
    }
}

/// The caller's end of a batch. Dropping it cancels the batch.
pub struct Caller<I: Incoming>(Rc<RefCell<Queues<I>>>);

/// The batch's end.
pub(crate) struct BatchEnd<I: Incoming>(Rc<RefCell<Queues<I>>>);

/// Both ends of a batch with these windows.
pub(crate) fn queues<I: Incoming>(settings: &Settings) -> (Caller<I>, BatchEnd<I>) {
    let queues = Queues {
        requests: VecDeque::new(),
        closed: false,
        kept_open: false,
        requested: 0,
        ended: false,
        outcomes: VecDeque::new(),
        outstanding: 0,
        pushed: 0,
        window: settings.window as usize,
        window_bytes: settings.window_bytes,
        pushed_bytes: 0,
        held_bytes: 0,
        has_demand: false,
        demand_pending: false,
        taken_pending: 0,
        stop_pending: false,
        left_pending: false,
        cancelled: false,
        summary: None,
        batch: Wakers::default(),
        takers: Wakers::default(),
        pushers: Wakers::default(),
    };
    let queues = Rc::new(RefCell::new(queues));
    (Caller(Rc::clone(&queues)), BatchEnd(queues))
}

/// The batch accepts no more requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

impl<I: Incoming> Caller<I> {
    /// Pushes all of the requests, or none.
    pub fn push(&self, requests: impl ExactSizeIterator<Item = Request>) -> Result<(), Closed> {
        let queues = self.0.borrow();
        if queues.closed || queues.requests.len().saturating_add(requests.len()) > MAX_WAITING {
            return Err(Closed);
        }
        drop(queues);
        self.push_all(requests);
        Ok(())
    }

    /// Pushes a GET for each URL, as [`push`](Self::push) does. Their ids continue from the number of requests pushed
    /// before.
    pub fn push_urls(&self, urls: Vec<String>) -> Result<(), Closed> {
        let pushed = self.0.borrow().pushed;
        let ids = (0..urls.len()).map(|place| pushed + place as u64);
        self.push(ids.zip(urls).map(|(id, url)| Request::get(id, url)))
    }

    /// Pushes requests, however many.
    pub(crate) fn push_all(&self, requests: impl Iterator<Item = Request>) {
        let mut queues = self.0.borrow_mut();
        for request in requests {
            let bytes = request.size();
            queues.pushed_bytes += bytes;
            queues.outstanding += 1;
            queues.pushed += 1;
            queues.requests.push_back((request, bytes));
        }
        queues.batch.wake();
    }

    /// The number of requests that the windows have room for; 0 also when no more are accepted. Their size is not known in advance:
    /// a caller that pushes large requests should ask again after a few.
    pub fn room(&self) -> u32 {
        let queues = self.0.borrow();
        // There is always room for one.
        let full =
            queues.outstanding > 0 && queues.pushed_bytes.saturating_add(queues.held_bytes) >= queues.window_bytes;
        let room = if queues.closed || full { 0 } else { queues.window.saturating_sub(queues.outstanding) };
        u32::try_from(room).unwrap_or(u32::MAX)
    }

    /// Waits for room, or until no more requests are accepted.
    pub fn poll_room(&self, cx: &mut Context<'_>) -> Poll<u32> {
        let room = self.room();
        let mut queues = self.0.borrow_mut();
        if room > 0 || queues.closed {
            return Poll::Ready(room);
        }
        queues.pushers.add(cx);
        Poll::Pending
    }

    /// Another task may push while nothing is under way.
    pub fn keep_open(&self) {
        self.0.borrow_mut().kept_open = true;
    }

    /// No more requests come.
    pub fn finish(&self) {
        let mut queues = self.0.borrow_mut();
        queues.closed = true;
        queues.batch.wake();
        queues.pushers.wake();
    }

    /// Asks for outcomes. Before that, nothing is sent.
    pub fn demand(&self) {
        let mut queues = self.0.borrow_mut();
        if !std::mem::replace(&mut queues.has_demand, true) {
            queues.demand_pending = true;
            queues.batch.wake();
        }
    }

    /// Takes the outcomes that are ready, `max` at most and within the limit of one call. None if the batch has ended
    /// and all have been taken.
    pub fn take(&self, max: u32) -> Option<Vec<Outcome<Response<I>>>> {
        let mut queues = self.0.borrow_mut();
        if queues.outcomes.is_empty() {
            return queues.summary.is_none().then(Vec::new);
        }
        let mut bytes = 0;
        let fitting = queues.outcomes.iter().take(max as usize).take_while(|outcome| {
            let first = bytes == 0;
            bytes += size(outcome);
            first || bytes <= MAX_TAKEN_BYTES
        });
        let count = fitting.count();
        let taken = queues.outcomes.drain(..count).collect();
        queues.outstanding = queues.outstanding.saturating_sub(count);
        queues.taken_pending = queues.taken_pending.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        queues.batch.wake();
        queues.pushers.wake();
        Some(taken)
    }

    /// Waits for at least one outcome. `max` is not 0. If nothing is under way and no other task keeps the batch open,
    /// no one can push any more, so the batch ends.
    pub fn poll_take(&self, max: u32, cx: &mut Context<'_>) -> Poll<Option<Vec<Outcome<Response<I>>>>> {
        if self.is_idle() && !self.0.borrow().kept_open {
            self.finish();
        }
        match self.take(max) {
            Some(taken) if taken.is_empty() => {
                self.demand();
                self.0.borrow_mut().takers.add(cx);
                Poll::Pending
            }
            taken => Poll::Ready(taken),
        }
    }

    /// Whether there is an outcome to take, or the batch has ended.
    pub fn is_ready(&self) -> bool {
        let queues = self.0.borrow();
        !queues.outcomes.is_empty() || queues.summary.is_some()
    }

    /// Whether no more requests are accepted.
    pub fn is_closed(&self) -> bool {
        self.0.borrow().closed
    }

    /// Whether no request is under way, and more may come.
    pub fn is_idle(&self) -> bool {
        let queues = self.0.borrow();
        queues.outstanding == 0 && !queues.closed
    }

    /// Ends the batch: requests without an outcome get one, and all outcomes can be taken.
    pub fn stop(&self) {
        let mut queues = self.0.borrow_mut();
        (queues.stop_pending, queues.closed) = (true, true);
        queues.batch.wake();
        queues.pushers.wake();
    }

    /// Cancels the batch. Outcomes that were not taken are dropped.
    pub fn cancel(&self) {
        let mut queues = self.0.borrow_mut();
        (queues.left_pending, queues.cancelled, queues.closed, queues.outstanding) = (true, true, true, 0);
        let dropped = std::mem::take(&mut queues.outcomes);
        queues.batch.wake();
        queues.pushers.wake();
        drop(queues);
        // Dropping unread bodies closes their connections.
        drop(dropped);
    }

    /// The summary, once the batch has ended.
    pub fn summary(&self) -> Option<Summary> {
        self.0.borrow().summary.clone()
    }
}

impl<I: Incoming> Drop for Caller<I> {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl<I: Incoming> BatchEnd<I> {
    /// The engine asks for this many requests.
    pub(crate) fn read(&self, count: u32) {
        self.0.borrow_mut().requested = count as usize;
    }

    /// The engine closes the input. What has been pushed is still read.
    pub(crate) fn close(&self) {
        let mut queues = self.0.borrow_mut();
        (queues.requested, queues.closed) = (usize::MAX, true);
        queues.pushers.wake();
    }

    /// The answer to a read, or to the close that replaced it.
    pub(crate) fn next_read(&self) -> Option<Read> {
        let Queues { requests, closed, requested, ended, pushed_bytes, held_bytes, .. } = &mut *self.0.borrow_mut();
        if *requested == 0 || *ended || (requests.is_empty() && !*closed) {
            return None;
        }
        let count = std::mem::take(requested).min(requests.len());
        let (read, bytes): (Vec<Request>, Vec<u64>) = requests.drain(..count).unzip();
        let bytes = bytes.into_iter().sum();
        *pushed_bytes = pushed_bytes.saturating_sub(bytes);
        // The engine is about to hold them.
        *held_bytes += bytes;
        *ended = *closed && requests.is_empty();
        Some((read, *ended))
    }

    /// The next action of the caller.
    pub(crate) fn next_reader_event(&self) -> Option<ReaderEvent> {
        let Queues { demand_pending, taken_pending, stop_pending, left_pending, .. } = &mut *self.0.borrow_mut();
        if std::mem::take(left_pending) {
            return Some(ReaderEvent::Left);
        }
        if std::mem::take(stop_pending) {
            return Some(ReaderEvent::Stopped);
        }
        if std::mem::take(demand_pending) {
            return Some(ReaderEvent::Demand);
        }
        match std::mem::take(taken_pending) {
            0 => None,
            taken => Some(ReaderEvent::Taken(taken)),
        }
    }

    /// The engine holds this many bytes now.
    pub(crate) fn set_held_bytes(&self, bytes: u64) {
        let mut queues = self.0.borrow_mut();
        if std::mem::replace(&mut queues.held_bytes, bytes) > bytes {
            queues.pushers.wake();
        }
    }

    /// Wakes the batch when the caller does something.
    pub(crate) fn register(&self, cx: &Context<'_>) {
        self.0.borrow_mut().batch.add(cx);
    }

    pub(crate) fn emit(&self, outcome: Outcome<Response<I>>) {
        let mut queues = self.0.borrow_mut();
        if queues.cancelled {
            // It was decided before the engine was told about the cancellation.
            return;
        }
        queues.outcomes.push_back(outcome);
        queues.takers.wake();
    }

    /// The batch has ended.
    pub(crate) fn finish(&self, summary: Summary) {
        let mut queues = self.0.borrow_mut();
        (queues.summary, queues.closed) = (Some(summary), true);
        queues.takers.wake();
        queues.pushers.wake();
    }
}

/// About how many bytes an outcome takes in a call: its texts and bytes, and the records they are in.
pub(crate) fn size<I: Incoming>(outcome: &Outcome<Response<I>>) -> usize {
    const RECORD: usize = 512;
    let hops: usize = outcome.hops.iter().map(|hop| hop.len() + 16).sum();
    let result = match &outcome.result {
        Ok(response) => usize::try_from(response.size()).unwrap_or(usize::MAX),
        Err(failure) => failure.detail.as_ref().map_or(0, String::len),
    };
    RECORD + outcome.url.len() + hops + result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::response::{Body, More};
    use fantail_engine::{Failed, Policy};
    use futures::future::LocalBoxFuture;

    /// A body that never arrives.
    struct Nothing;

    impl Incoming for Nothing {
        type Unread = ();

        async fn read(&mut self, into: Vec<u8>) -> (Vec<u8>, More) {
            (into, More::No)
        }

        async fn release(self) {}

        async fn finish(self) -> Result<(), Failed> {
            Ok(())
        }

        fn hand_out(self, _: u16, _: bool) -> ((), LocalBoxFuture<'static, ()>) {
            ((), Box::pin(async {}))
        }
    }

    fn outcome(id: u64, bytes: usize) -> Outcome<Response<Nothing>> {
        let body = Body::Bytes(vec![0; bytes]);
        let response = Response { status: 200, headers: Vec::new(), body };
        let (url, hops, timing, last_attempt) = Default::default();
        Outcome { id, url, attempts: 1, hops, timing, last_attempt, result: Ok(response) }
    }

    fn windows(window: u32) -> (Caller<Nothing>, BatchEnd<Nothing>) {
        let policy = Policy { window: Some(window), window_bytes: Some(1 << 20), ..Policy::default() };
        queues(&policy.resolve().unwrap())
    }

    fn taken(caller: &Caller<Nothing>, max: u32) -> Option<Vec<u64>> {
        caller.take(max).map(|taken| taken.into_iter().map(|outcome| outcome.id).collect())
    }

    #[test]
    fn what_one_call_takes_is_bounded_in_number_and_bytes_but_at_least_one_outcome() {
        let (caller, batch) = windows(10);
        for (id, bytes) in [(0, 10), (1, 10), (2, 10), (3, 300 << 10), (4, 300 << 10), (5, 8 << 20), (6, 10)] {
            batch.emit(outcome(id, bytes));
        }
        assert_eq!(taken(&caller, 2), Some(vec![0, 1]));
        assert_eq!(taken(&caller, 10), Some(vec![2, 3]), "the next would be too much");
        assert_eq!(taken(&caller, 10), Some(vec![4]));
        assert_eq!(taken(&caller, 10), Some(vec![5]), "one alone may be larger");
        assert_eq!(taken(&caller, 10), Some(vec![6]));
        assert_eq!(taken(&caller, 10), Some(vec![]), "there is none now");
        batch.finish(Summary::default());
        assert_eq!(taken(&caller, 10), None, "it is over");
    }

    #[test]
    fn a_caller_that_cancels_gets_no_outcome_that_was_decided_meanwhile() {
        let (caller, batch) = windows(10);
        batch.emit(outcome(0, 1));
        caller.cancel();
        batch.emit(outcome(1, 1));
        assert_eq!((taken(&caller, 10), caller.room()), (Some(vec![]), 0));
        assert_eq!(batch.next_reader_event(), Some(ReaderEvent::Left));
    }

    /// L3: large requests leave no room for more, however few they are.
    #[test]
    fn there_is_room_for_requests_as_long_as_there_is_room_for_their_bytes() {
        let (caller, batch) = windows(100);
        let large = || {
            let body = Some(vec![0; 600 << 10]);
            [Request { body, ..Request::get(0, "http://origin.test/") }].into_iter()
        };
        assert_eq!((caller.push(large()), caller.room()), (Ok(()), 99));
        assert_eq!((caller.push(large()), caller.room()), (Ok(()), 0));
        batch.read(100);
        assert!(batch.next_read().is_some());
        assert_eq!(caller.room(), 0, "the engine holds them now");
        batch.set_held_bytes(700 << 10);
        assert_eq!(caller.room(), 98);
    }

    #[test]
    fn after_a_stop_nothing_can_be_pushed_and_all_outcomes_can_be_taken() {
        let (caller, batch) = windows(10);
        caller.stop();
        assert_eq!((caller.push([Request::get(0, "")].into_iter()), caller.room()), (Err(Closed), 0));
        assert_eq!((batch.next_reader_event(), batch.next_reader_event()), (Some(ReaderEvent::Stopped), None));
        batch.emit(outcome(0, 1));
        assert_eq!(taken(&caller, 10), Some(vec![0]));
    }

    #[test]
    fn requests_pushed_beyond_the_window_wait_and_are_bounded_too() {
        let (caller, batch) = windows(4);
        let requests = |count: usize| (0..count).map(|id| Request::get(id as u64, "http://origin.test/"));
        assert_eq!((caller.push(requests(6)), caller.room()), (Ok(()), 0));
        batch.read(4);
        assert_eq!(batch.next_read().map(|(read, ended)| (read.len(), ended)), Some((4, false)));
        assert!(batch.next_read().is_none(), "none was asked for");
        assert_eq!(caller.push(requests(MAX_WAITING)), Err(Closed));
        caller.finish();
        assert_eq!(caller.push(requests(1)), Err(Closed));
        batch.read(4);
        assert_eq!(batch.next_read().map(|(read, ended)| (read.len(), ended)), Some((2, true)));
    }
}
