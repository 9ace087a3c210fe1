//! Requests waiting for a slot: by priority, and within a priority round robin over origins, so that a slow or flooded
//! origin holds back only itself.

use crate::event::Key;
use crate::{BodyMode, Instant, Priority};
use slab::Slab;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Requests waiting for a slot. A request that ends while it waits leaves its key behind; such keys are skipped, and
/// swept before they outnumber the waiting requests. Every operation is O(1) amortised, but for the arrival of a
/// request, which is O(log n) in the number of origins.
#[derive(Debug)]
pub(crate) struct Queue {
    /// Concurrent attempts to an origin without a limit of its own.
    per_origin: u32,
    origins: Slab<OriginQueue>,
    by_name: BTreeMap<String, OriginQueueId>,
    /// For each kind, the origins with such requests and room to start them, the next in front.
    ready: [VecDeque<ReadyEntry>; KINDS],
    /// Counts turns, to compare how long origins have waited for theirs.
    turns: u64,
    /// Keys in all queues.
    queued: usize,
    /// Origins that may start nothing before a time.
    parked: BTreeSet<(Instant, OriginQueueId)>,
}

/// A ready origin, and the turn at which it became ready.
type ReadyEntry = (OriginQueueId, u64);

/// Names one origin of a batch, for as long as it has requests.
pub(crate) type OriginQueueId = usize;

/// One origin of a batch.
#[derive(Debug, Default)]
struct OriginQueue {
    name: String,
    /// Requests that have no outcome yet.
    requests: u32,
    in_flight: u32,
    /// Concurrent attempts.
    limit: u32,
    /// By kind, longest waiting first.
    waiting: [VecDeque<Key>; KINDS],
    is_ready: [bool; KINDS],
    /// The last turn it had, by rank.
    last_turn: [u64; KINDS / 2],
    /// Nothing may start before then.
    parked: Option<Instant>,
}

/// Hedges, then three priorities; each split by whether the body is unread, since those may have to wait while others
/// start.
const KINDS: usize = 8;

fn kind(place: Place) -> usize {
    let rank = match (place.turn, place.priority) {
        (Turn::Hedge, _) => 0,
        (_, Priority::High) => 1,
        (_, Priority::Normal) => 2,
        (_, Priority::Low) => 3,
    };
    2 * rank + usize::from(place.body == BodyMode::Unread)
}

/// Whether this kind is for hedges.
fn is_hedge(kind: usize) -> bool {
    kind < 2
}

impl OriginQueue {
    fn has_room(&self) -> bool {
        self.in_flight < self.limit
    }

    fn is_unused(&self) -> bool {
        self.requests == 0 && !self.is_ready.contains(&true)
    }
}

impl Queue {
    pub(crate) fn new(per_origin: u32) -> Self {
        let (origins, by_name, ready, turns, queued, parked) = Default::default();
        Self { per_origin, origins, by_name, ready, turns, queued, parked }
    }

    /// Counts a request to the origin of this name.
    pub(crate) fn enter(&mut self, name: &str) -> OriginQueueId {
        let id = self.by_name.get(name).copied().unwrap_or_else(|| {
            let id = self.origins.insert(OriginQueue {
                name: name.to_owned(),
                limit: self.per_origin,
                ..OriginQueue::default()
            });
            self.by_name.insert(name.to_owned(), id);
            id
        });
        if let Some(origin) = self.origins.get_mut(id) {
            origin.requests += 1;
        }
        id
    }

    /// A request has left: it has its outcome, or moved to another origin.
    pub(crate) fn leave(&mut self, id: OriginQueueId) {
        if let Some(origin) = self.origins.get_mut(id) {
            origin.requests -= 1;
            // Nothing waits for this time any more.
            if let Some(until) = origin.parked.take_if(|_| origin.requests == 0) {
                self.parked.remove(&(until, id));
            }
        }
        self.forget_if_empty(id);
    }

    /// Whether the origin's limit allows another attempt.
    pub(crate) fn has_room(&self, id: OriginQueueId) -> bool {
        self.origins.get(id).is_some_and(OriginQueue::has_room)
    }

    /// Whether an attempt may start now.
    pub(crate) fn can_start(&self, id: OriginQueueId) -> bool {
        self.origins.get(id).is_some_and(|origin| origin.has_room() && origin.parked.is_none())
    }

    /// Entries of all kinds, for tests of memory bounds.
    pub(crate) fn entries(&self) -> usize {
        self.queued
            + self.origins.len()
            + self.by_name.len()
            + self.parked.len()
            + self.ready.iter().map(VecDeque::len).sum::<usize>()
    }

    /// Attempts in flight to this origin.
    pub(crate) fn in_flight(&self, id: OriginQueueId) -> u32 {
        self.origins.get(id).map_or(0, |origin| origin.in_flight)
    }

    /// Sets how many attempts may be in flight to this origin.
    pub(crate) fn set_limit(&mut self, id: OriginQueueId, limit: u32) {
        let Some(origin) = self.origins.get_mut(id) else { return };
        let had_room = origin.has_room();
        origin.limit = limit;
        if !had_room && origin.has_room() {
            self.mark_ready(id);
        }
    }

    /// An attempt was started.
    pub(crate) fn started(&mut self, id: OriginQueueId) {
        if let Some(origin) = self.origins.get_mut(id) {
            origin.in_flight += 1;
        }
    }

    /// An attempt has ended.
    pub(crate) fn released(&mut self, id: OriginQueueId) {
        let Some(origin) = self.origins.get_mut(id) else { return };
        origin.in_flight -= 1;
        self.mark_ready(id);
    }

    /// Starts nothing to this origin before then.
    pub(crate) fn park(&mut self, id: OriginQueueId, until: Instant) {
        let Some(origin) = self.origins.get_mut(id) else { return };
        if let Some(before) = origin.parked.replace(until) {
            self.parked.remove(&(before, id));
        }
        self.parked.insert((until, id));
    }

    /// When the next parked origin may start something.
    pub(crate) fn next_unparked(&self) -> Option<Instant> {
        self.parked.first().map(|(until, _)| *until)
    }

    /// Unparks the origins whose time has come.
    pub(crate) fn unpark(&mut self, now: Instant) {
        while let Some((until, id)) = self.parked.first().copied().filter(|(until, _)| *until <= now) {
            self.parked.remove(&(until, id));
            if let Some(origin) = self.origins.get_mut(id) {
                origin.parked = None;
            }
            self.mark_ready(id);
        }
    }

    /// Marks an origin as ready for each kind of request that it has waiting.
    fn mark_ready(&mut self, id: OriginQueueId) {
        let Some(origin) = self.origins.get_mut(id).filter(|origin| origin.parked.is_none()) else { return };
        for ((waiting, is_ready), ready) in origin.waiting.iter().zip(&mut origin.is_ready).zip(&mut self.ready) {
            if !*is_ready && !waiting.is_empty() {
                *is_ready = true;
                self.turns += 1;
                ready.push_back((id, self.turns));
            }
        }
    }

    /// Adds a request, behind the others of its kind or before them. `waits` tells whether a key still waits for this
    /// origin, for a hedge or for its next attempt; `count` is how many do.
    pub(crate) fn push(
        &mut self,
        key: Key,
        place: Place,
        count: usize,
        waits: impl Fn(Key, OriginQueueId, bool) -> bool,
    ) {
        if self.queued >= 64 + 2 * count {
            self.sweep(waits);
        }
        let kind = kind(place);
        let Some(origin) = self.origins.get_mut(place.origin) else { return };
        let (Some(waiting), Some(is_ready), Some(ready)) =
            (origin.waiting.get_mut(kind), origin.is_ready.get_mut(kind), self.ready.get_mut(kind))
        else {
            return;
        };
        if place.turn == Turn::First {
            waiting.push_front(key);
        } else {
            waiting.push_back(key);
        }
        self.queued += 1;
        // A full or parked origin is marked ready when that ends.
        if !*is_ready && origin.in_flight < origin.limit && origin.parked.is_none() {
            *is_ready = true;
            if place.turn == Turn::First {
                ready.push_front((place.origin, 0));
            } else {
                self.turns += 1;
                ready.push_back((place.origin, self.turns));
            }
        }
    }

    /// The next request to start; one for an unread body only if `unread_may_go`.
    pub(crate) fn pop(&mut self, unread_may_go: bool, waits: impl Fn(Key, OriginQueueId, bool) -> bool) -> Option<Key> {
        (0..KINDS).step_by(2).find_map(|read| {
            let unread = read + 1;
            let front = self.front(read, &waits);
            let front_unread = if unread_may_go { self.front(unread, &waits) } else { None };
            let unread_first = match (front, front_unread) {
                (None, None) => return None,
                (None, Some(_)) => true,
                (Some(_), None) => false,
                // Within an origin, the request that waited longest; of two origins, the one that has waited longer for
                // its turn.
                (Some(((origin, _), key)), Some(((other, _), unread_key))) if origin == other => unread_key < key,
                (Some(((_, since), _)), Some(((_, unread_since), _))) => unread_since < since,
            };
            self.take(if unread_first { unread } else { read })
        })
    }

    /// The first request of this kind of the next origin, after dropping the keys of requests that no longer wait.
    fn front(&mut self, kind: usize, waits: impl Fn(Key, OriginQueueId, bool) -> bool) -> Option<(ReadyEntry, Key)> {
        loop {
            let (id, since) = *self.ready.get(kind)?.front()?;
            let origin = self.origins.get_mut(id)?;
            if origin.last_turn.get(kind / 2).is_some_and(|last_turn| *last_turn > since && since > 0) {
                // It has had a turn with the other kind meanwhile.
                self.turns += 1;
                let ready = self.ready.get_mut(kind)?;
                ready.pop_front();
                ready.push_back((id, self.turns));
                continue;
            }
            let waiting = origin.waiting.get_mut(kind)?;
            while waiting.front().is_some_and(|key| !waits(*key, id, is_hedge(kind))) {
                waiting.pop_front();
                self.queued -= 1;
            }
            match waiting.front() {
                Some(key) if origin.in_flight < origin.limit && origin.parked.is_none() => {
                    return Some(((id, since), *key));
                }
                Some(_) | None => {
                    self.ready.get_mut(kind)?.pop_front();
                    *origin.is_ready.get_mut(kind)? = false;
                    self.forget_if_empty(id);
                }
            }
        }
    }

    /// Takes what [`Queue::front`] returned, and gives the next origin its turn.
    fn take(&mut self, kind: usize) -> Option<Key> {
        let ready = self.ready.get_mut(kind)?;
        let (id, _) = ready.pop_front()?;
        let origin = self.origins.get_mut(id)?;
        let waiting = origin.waiting.get_mut(kind)?;
        let key = waiting.pop_front()?;
        self.queued -= 1;
        self.turns += 1;
        *origin.last_turn.get_mut(kind / 2)? = self.turns;
        let more = !waiting.is_empty();
        if more {
            self.turns += 1;
            ready.push_back((id, self.turns));
        }
        *origin.is_ready.get_mut(kind)? = more;
        Some(key)
    }

    /// Drops the keys of requests that no longer wait, and the origins that have no others.
    fn sweep(&mut self, waits: impl Fn(Key, OriginQueueId, bool) -> bool) {
        self.queued = 0;
        for (id, origin) in &mut self.origins {
            for (kind, (waiting, is_ready)) in origin.waiting.iter_mut().zip(&mut origin.is_ready).enumerate() {
                waiting.retain(|key| waits(*key, id, is_hedge(kind)));
                *is_ready &= !waiting.is_empty();
                self.queued += waiting.len();
            }
        }
        let Self { origins, by_name, ready, .. } = self;
        for (kind, ready) in ready.iter_mut().enumerate() {
            ready.retain(|(id, _)| origins.get(*id).and_then(|origin| origin.is_ready.get(kind)) == Some(&true));
        }
        origins.retain(|_, origin| {
            if origin.is_unused() {
                by_name.remove(&origin.name);
            }
            !origin.is_unused()
        });
    }

    fn forget_if_empty(&mut self, id: OriginQueueId) {
        if self.origins.get(id).is_some_and(OriginQueue::is_unused) {
            let origin = self.origins.remove(id);
            self.queued -= origin.waiting.iter().map(VecDeque::len).sum::<usize>();
            self.by_name.remove(&origin.name);
        }
    }
}

/// A request's place in the queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) origin: OriginQueueId,
    pub(crate) priority: Priority,
    pub(crate) body: BodyMode,
    pub(crate) turn: Turn,
}

/// Where a request is inserted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Behind the others of its priority.
    Last,
    /// Before them, because it has had its turn already.
    First,
    /// With the other hedges, before everything that waits for its first attempt.
    Hedge,
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn key(serial: u64) -> Key {
        Key { serial, slot: 0 }
    }

    fn place(origin: OriginQueueId, body: BodyMode) -> Place {
        Place { origin, priority: Priority::Normal, body, turn: Turn::Last }
    }

    /// Enters a request to `name`, and enqueues it.
    fn add(queue: &mut Queue, serial: u64, name: &str, body: BodyMode) -> OriginQueueId {
        let origin = queue.enter(name);
        queue.push(key(serial), place(origin, body), 1_000, |_, _, _| true);
        origin
    }

    fn popped(queue: &mut Queue) -> Vec<u64> {
        std::iter::from_fn(|| queue.pop(true, |_, _, _| true)).map(|key| key.serial).collect()
    }

    #[test]
    fn within_an_origin_the_longest_waiting_request_goes_first_whatever_its_body_mode() {
        let mut queue = Queue::new(9);
        for (serial, body) in [(0, BodyMode::Unread), (1, BodyMode::Bytes), (2, BodyMode::Unread)] {
            add(&mut queue, serial, "a", body);
        }
        assert_eq!(popped(&mut queue), [0, 1, 2]);
    }

    #[test]
    fn requests_for_unread_bodies_do_not_hold_up_the_others() {
        let mut queue = Queue::new(9);
        add(&mut queue, 0, "a", BodyMode::Unread);
        add(&mut queue, 1, "a", BodyMode::Discard);
        assert_eq!(queue.pop(false, |_, _, _| true), Some(key(1)));
        assert_eq!(queue.pop(false, |_, _, _| true), None);
        assert_eq!(queue.pop(true, |_, _, _| true), Some(key(0)));
    }

    /// L11: requests for unread bodies wait as long as the others, and the other way round.
    #[test]
    fn origins_take_turns_whatever_their_body_modes() {
        let mut queue = Queue::new(9);
        for serial in 0..4 {
            add(&mut queue, serial, "flooded", BodyMode::Bytes);
        }
        add(&mut queue, 4, "b", BodyMode::Unread);
        add(&mut queue, 5, "c", BodyMode::Bytes);
        assert_eq!(popped(&mut queue), [0, 4, 5, 1, 2, 3]);
        for serial in 0..4 {
            add(&mut queue, serial, "flooded", [BodyMode::Bytes, BodyMode::Unread][serial as usize % 2]);
        }
        add(&mut queue, 4, "b", BodyMode::Unread);
        assert_eq!(popped(&mut queue), [0, 4, 1, 2, 3], "an origin that asks for both has one turn");
    }

    #[test]
    fn hedges_go_before_everything_else() {
        let mut queue = Queue::new(9);
        let origin = queue.enter("a");
        queue.push(key(0), Place { priority: Priority::High, ..place(origin, BodyMode::Bytes) }, 9, |_, _, _| true);
        let second = Place { turn: Turn::Hedge, priority: Priority::Low, ..place(origin, BodyMode::Bytes) };
        queue.push(key(1), second, 9, |_, _, _| true);
        assert_eq!(popped(&mut queue), [1, 0]);
    }

    #[test]
    fn origins_take_turns_however_many_requests_each_has() {
        let mut queue = Queue::new(9);
        for serial in 0..6 {
            add(&mut queue, serial, "flooded", BodyMode::Bytes);
        }
        add(&mut queue, 6, "b", BodyMode::Bytes);
        add(&mut queue, 7, "c", BodyMode::Bytes);
        assert_eq!(popped(&mut queue), [0, 6, 7, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn an_origin_at_its_limit_waits_until_an_attempt_ends() {
        let mut queue = Queue::new(1);
        let origin = add(&mut queue, 0, "a", BodyMode::Bytes);
        add(&mut queue, 1, "a", BodyMode::Bytes);
        add(&mut queue, 2, "b", BodyMode::Bytes);
        assert_eq!(queue.pop(true, |_, _, _| true), Some(key(0)));
        queue.started(origin);
        assert_eq!(queue.pop(true, |_, _, _| true), Some(key(2)));
        assert_eq!(queue.pop(true, |_, _, _| true), None);
        add(&mut queue, 3, "a", BodyMode::Bytes);
        assert_eq!(queue.pop(true, |_, _, _| true), None);
        queue.released(origin);
        assert_eq!(queue.pop(true, |_, _, _| true), Some(key(1)));
    }

    #[test]
    fn requests_go_in_order_of_priority() {
        let mut queue = Queue::new(9);
        for (serial, priority) in [(0, Priority::Low), (1, Priority::Normal), (2, Priority::High), (3, Priority::High)]
        {
            let origin = queue.enter(["a", "b"][serial as usize % 2]);
            queue.push(key(serial), Place { priority, ..place(origin, BodyMode::Bytes) }, 9, |_, _, _| true);
        }
        assert_eq!(popped(&mut queue), [2, 3, 1, 0]);
    }

    #[test]
    fn requests_that_expire_while_waiting_do_not_pile_up_and_origins_without_requests_are_forgotten() {
        for pops in [1, 7, u64::MAX] {
            let mut queue = Queue::new(9);
            let mut waiting = VecDeque::new();
            for serial in 0..20_000 {
                let origin = queue.enter(&format!("origin {serial}"));
                queue.push(key(serial), place(origin, BodyMode::Bytes), 10, |other, _, _| other.serial + 10 > serial);
                waiting.push_back(origin);
                if waiting.len() > 10 {
                    waiting.pop_front().into_iter().for_each(|origin| queue.leave(origin));
                }
                if serial % pops == 1 {
                    queue.pop(true, |other, _, _| other.serial + 10 > serial);
                }
                assert!(queue.queued <= 64 + 2 * 10 + 1 && queue.origins.len() <= 64 + 2 * 10 + 12);
            }
            waiting.into_iter().for_each(|origin| queue.leave(origin));
            assert_eq!(queue.pop(true, |_, _, _| false), None);
            assert_eq!((queue.origins.len(), queue.by_name.len(), queue.queued), (0, 0, 0));
        }
    }
}
