//! Requests waiting for a slot: by priority, and within one, origin by origin in turn, so that a slow or flooded origin holds
//! back nobody but itself.

use crate::event::Key;
use crate::{BodyMode, Instant, Priority};
use slab::Slab;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Requests waiting for a slot. A request that ended while waiting leaves its key behind; such keys are skipped, and cleared out
/// before they outnumber the waiting. Every operation is O(1) amortised, and O(log n) in the number of origins for a request
/// that arrives.
#[derive(Debug)]
pub(crate) struct Queue {
    /// Attempts at once to an origin that has no limit of its own.
    per_origin: u32,
    lanes: Slab<OriginQueue>,
    by_name: BTreeMap<String, OriginQueueId>,
    /// For each kind the lanes that have such requests and room for them, the one whose turn it is in front.
    rings: [VecDeque<Entry>; KINDS],
    /// Counts turns, to tell who has waited longer for one.
    turns: u64,
    /// Keys in all lines.
    queued: usize,
    /// Lanes out of which nothing may go for a while.
    parked: BTreeSet<(Instant, OriginQueueId)>,
}

/// A lane in a ring, and since which turn.
type Entry = (OriginQueueId, u64);

/// Names one origin of a batch, for as long as it has requests.
pub(crate) type OriginQueueId = usize;

/// One origin of a batch.
#[derive(Debug, Default)]
struct OriginQueue {
    name: String,
    /// Requests that have no outcome yet.
    live: u32,
    in_flight: u32,
    /// Attempts at once.
    limit: u32,
    /// By kind, those that waited longest in front.
    lines: [VecDeque<Key>; KINDS],
    in_ring: [bool; KINDS],
    /// By rank, its last turn.
    turned: [u64; KINDS / 2],
    /// Nothing of it may go before then.
    parked: Option<Instant>,
}

/// Second attempts before three priorities, and for each those for unread bodies apart, because they may have to wait while others go on.
const KINDS: usize = 8;

fn kind(place: Place) -> usize {
    let rank = match (place.turn, place.priority) {
        (Turn::Second, _) => 0,
        (_, Priority::High) => 1,
        (_, Priority::Normal) => 2,
        (_, Priority::Low) => 3,
    };
    2 * rank + usize::from(place.body == BodyMode::Unread)
}

/// Whether those of this kind wait for a second attempt.
fn is_second(kind: usize) -> bool {
    kind < 2
}

impl OriginQueue {
    fn has_room(&self) -> bool {
        self.in_flight < self.limit
    }

    fn is_unused(&self) -> bool {
        self.live == 0 && !self.in_ring.contains(&true)
    }
}

impl Queue {
    pub(crate) fn new(per_origin: u32) -> Self {
        let (lanes, by_name, rings, turns, queued, parked) = Default::default();
        Self { per_origin, lanes, by_name, rings, turns, queued, parked }
    }

    /// Counts a request to the origin of this name, and gives its lane.
    pub(crate) fn enter(&mut self, name: &str) -> OriginQueueId {
        let id = self.by_name.get(name).copied().unwrap_or_else(|| {
            let id = self.lanes.insert(OriginQueue {
                name: name.to_owned(),
                limit: self.per_origin,
                ..OriginQueue::default()
            });
            self.by_name.insert(name.to_owned(), id);
            id
        });
        if let Some(lane) = self.lanes.get_mut(id) {
            lane.live += 1;
        }
        id
    }

    /// The request has left: it has its outcome, or goes to another origin.
    pub(crate) fn leave(&mut self, id: OriginQueueId) {
        if let Some(lane) = self.lanes.get_mut(id) {
            lane.live -= 1;
            // Nobody waits there any more.
            if let Some(until) = lane.parked.take_if(|_| lane.live == 0) {
                self.parked.remove(&(until, id));
            }
        }
        self.forget_if_empty(id);
    }

    /// Whether one more attempt may be in flight there.
    pub(crate) fn has_room(&self, id: OriginQueueId) -> bool {
        self.lanes.get(id).is_some_and(OriginQueue::has_room)
    }

    /// Whether one may go there now.
    pub(crate) fn may_go(&self, id: OriginQueueId) -> bool {
        self.lanes.get(id).is_some_and(|lane| lane.has_room() && lane.parked.is_none())
    }

    /// Entries of all kinds.
    pub(crate) fn held(&self) -> usize {
        self.queued
            + self.lanes.len()
            + self.by_name.len()
            + self.parked.len()
            + self.rings.iter().map(VecDeque::len).sum::<usize>()
    }

    /// Attempts in flight there.
    pub(crate) fn in_flight(&self, id: OriginQueueId) -> u32 {
        self.lanes.get(id).map_or(0, |lane| lane.in_flight)
    }

    /// Sets how many attempts may be in flight there from now on.
    pub(crate) fn set_limit(&mut self, id: OriginQueueId, limit: u32) {
        let Some(lane) = self.lanes.get_mut(id) else { return };
        let had_room = lane.has_room();
        lane.limit = limit;
        if !had_room && lane.has_room() {
            self.line_up(id);
        }
    }

    /// An attempt was started.
    pub(crate) fn started(&mut self, id: OriginQueueId) {
        if let Some(lane) = self.lanes.get_mut(id) {
            lane.in_flight += 1;
        }
    }

    /// An attempt is over.
    pub(crate) fn released(&mut self, id: OriginQueueId) {
        let Some(lane) = self.lanes.get_mut(id) else { return };
        lane.in_flight -= 1;
        self.line_up(id);
    }

    /// Lets nothing go to this origin before then.
    pub(crate) fn park(&mut self, id: OriginQueueId, until: Instant) {
        let Some(lane) = self.lanes.get_mut(id) else { return };
        if let Some(before) = lane.parked.replace(until) {
            self.parked.remove(&(before, id));
        }
        self.parked.insert((until, id));
    }

    /// When something may go again that was not let go.
    pub(crate) fn next_unparked(&self) -> Option<Instant> {
        self.parked.first().map(|(until, _)| *until)
    }

    /// Lets go again what may by now.
    pub(crate) fn unpark(&mut self, now: Instant) {
        while let Some((until, id)) = self.parked.first().copied().filter(|(until, _)| *until <= now) {
            self.parked.remove(&(until, id));
            if let Some(lane) = self.lanes.get_mut(id) {
                lane.parked = None;
            }
            self.line_up(id);
        }
    }

    /// Puts a lane into the rings of what it has waiting.
    fn line_up(&mut self, id: OriginQueueId) {
        let Some(lane) = self.lanes.get_mut(id).filter(|lane| lane.parked.is_none()) else { return };
        for ((line, in_ring), ring) in lane.lines.iter().zip(&mut lane.in_ring).zip(&mut self.rings) {
            if !*in_ring && !line.is_empty() {
                *in_ring = true;
                self.turns += 1;
                ring.push_back((id, self.turns));
            }
        }
    }

    /// Adds a request, behind the others of its kind or before them. `waits` tells which still wait in a lane,
    /// for a second attempt or for their next; there are `count`.
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
        let Some(lane) = self.lanes.get_mut(place.lane) else { return };
        let (Some(line), Some(in_ring), Some(ring)) =
            (lane.lines.get_mut(kind), lane.in_ring.get_mut(kind), self.rings.get_mut(kind))
        else {
            return;
        };
        if place.turn == Turn::First {
            line.push_front(key);
        } else {
            line.push_back(key);
        }
        self.queued += 1;
        // One that has no room, or is parked, comes in when that is over.
        if !*in_ring && lane.in_flight < lane.limit && lane.parked.is_none() {
            *in_ring = true;
            if place.turn == Turn::First {
                ring.push_front((place.lane, 0));
            } else {
                self.turns += 1;
                ring.push_back((place.lane, self.turns));
            }
        }
    }

    /// The request whose turn it is; those for unread bodies only if `unread_may_go`.
    pub(crate) fn pop(&mut self, unread_may_go: bool, waits: impl Fn(Key, OriginQueueId, bool) -> bool) -> Option<Key> {
        (0..KINDS).step_by(2).find_map(|read| {
            let unread = read + 1;
            let front = self.front(read, &waits);
            let front_unread = if unread_may_go { self.front(unread, &waits) } else { None };
            let unread_first = match (front, front_unread) {
                (None, None) => return None,
                (None, Some(_)) => true,
                (Some(_), None) => false,
                // Of one lane who waited longest; of two the lane that has waited longer for its turn.
                (Some(((lane, _), key)), Some(((other, _), unread_key))) if lane == other => unread_key < key,
                (Some(((_, since), _)), Some(((_, unread_since), _))) => unread_since < since,
            };
            self.take(if unread_first { unread } else { read })
        })
    }

    /// The first request of this kind in the lane whose turn it is, after clearing away what is not waiting any more.
    fn front(&mut self, kind: usize, waits: impl Fn(Key, OriginQueueId, bool) -> bool) -> Option<(Entry, Key)> {
        loop {
            let (id, since) = *self.rings.get(kind)?.front()?;
            let lane = self.lanes.get_mut(id)?;
            if lane.turned.get(kind / 2).is_some_and(|turned| *turned > since && since > 0) {
                // It has had a turn of the other kind meanwhile.
                self.turns += 1;
                let ring = self.rings.get_mut(kind)?;
                ring.pop_front();
                ring.push_back((id, self.turns));
                continue;
            }
            let line = lane.lines.get_mut(kind)?;
            while line.front().is_some_and(|key| !waits(*key, id, is_second(kind))) {
                line.pop_front();
                self.queued -= 1;
            }
            match line.front() {
                Some(key) if lane.in_flight < lane.limit && lane.parked.is_none() => return Some(((id, since), *key)),
                Some(_) | None => {
                    self.rings.get_mut(kind)?.pop_front();
                    *lane.in_ring.get_mut(kind)? = false;
                    self.forget_if_empty(id);
                }
            }
        }
    }

    /// Takes what [`Queue::front`] has shown, and lets the next lane have its turn.
    fn take(&mut self, kind: usize) -> Option<Key> {
        let ring = self.rings.get_mut(kind)?;
        let (id, _) = ring.pop_front()?;
        let lane = self.lanes.get_mut(id)?;
        let line = lane.lines.get_mut(kind)?;
        let key = line.pop_front()?;
        self.queued -= 1;
        self.turns += 1;
        *lane.turned.get_mut(kind / 2)? = self.turns;
        let more = !line.is_empty();
        if more {
            self.turns += 1;
            ring.push_back((id, self.turns));
        }
        *lane.in_ring.get_mut(kind)? = more;
        Some(key)
    }

    /// Clears out the keys of requests that are not waiting any more, and the origins that have no others.
    fn sweep(&mut self, waits: impl Fn(Key, OriginQueueId, bool) -> bool) {
        self.queued = 0;
        for (id, lane) in &mut self.lanes {
            for (kind, (line, in_ring)) in lane.lines.iter_mut().zip(&mut lane.in_ring).enumerate() {
                line.retain(|key| waits(*key, id, is_second(kind)));
                *in_ring &= !line.is_empty();
                self.queued += line.len();
            }
        }
        let Self { lanes, by_name, rings, .. } = self;
        for (kind, ring) in rings.iter_mut().enumerate() {
            ring.retain(|(id, _)| lanes.get(*id).and_then(|lane| lane.in_ring.get(kind)) == Some(&true));
        }
        lanes.retain(|_, lane| {
            if lane.is_unused() {
                by_name.remove(&lane.name);
            }
            !lane.is_unused()
        });
    }

    fn forget_if_empty(&mut self, id: OriginQueueId) {
        if self.lanes.get(id).is_some_and(OriginQueue::is_unused) {
            let lane = self.lanes.remove(id);
            self.queued -= lane.lines.iter().map(VecDeque::len).sum::<usize>();
            self.by_name.remove(&lane.name);
        }
    }
}

/// Where in the queue a request belongs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) lane: OriginQueueId,
    pub(crate) priority: Priority,
    pub(crate) body: BodyMode,
    pub(crate) turn: Turn,
}

/// When a request has its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Behind those of its priority.
    Last,
    /// Before them: it has had its turn already.
    First,
    /// For a second attempt, before everything that waits for its first.
    Second,
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn key(serial: u64) -> Key {
        Key { serial, slot: 0 }
    }

    fn place(lane: OriginQueueId, body: BodyMode) -> Place {
        Place { lane, priority: Priority::Normal, body, turn: Turn::Last }
    }

    /// Enters a request to `name`, and lets it wait.
    fn add(queue: &mut Queue, serial: u64, name: &str, body: BodyMode) -> OriginQueueId {
        let lane = queue.enter(name);
        queue.push(key(serial), place(lane, body), 1_000, |_, _, _| true);
        lane
    }

    fn popped(queue: &mut Queue) -> Vec<u64> {
        std::iter::from_fn(|| queue.pop(true, |_, _, _| true)).map(|key| key.serial).collect()
    }

    #[test]
    fn within_an_origin_who_waited_longest_goes_first_whatever_its_mode() {
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

    /// L11: who asks for unread bodies waits as long as the others, and the other way round.
    #[test]
    fn origins_have_their_turns_whatever_they_ask_for() {
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
    fn second_attempts_go_before_everything_else() {
        let mut queue = Queue::new(9);
        let lane = queue.enter("a");
        queue.push(key(0), Place { priority: Priority::High, ..place(lane, BodyMode::Bytes) }, 9, |_, _, _| true);
        let second = Place { turn: Turn::Second, priority: Priority::Low, ..place(lane, BodyMode::Bytes) };
        queue.push(key(1), second, 9, |_, _, _| true);
        assert_eq!(popped(&mut queue), [1, 0]);
    }

    #[test]
    fn origins_have_their_turns_however_much_each_has_waiting() {
        let mut queue = Queue::new(9);
        for serial in 0..6 {
            add(&mut queue, serial, "flooded", BodyMode::Bytes);
        }
        add(&mut queue, 6, "b", BodyMode::Bytes);
        add(&mut queue, 7, "c", BodyMode::Bytes);
        assert_eq!(popped(&mut queue), [0, 6, 7, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn an_origin_at_its_limit_waits_and_comes_back_when_an_attempt_is_over() {
        let mut queue = Queue::new(1);
        let lane = add(&mut queue, 0, "a", BodyMode::Bytes);
        add(&mut queue, 1, "a", BodyMode::Bytes);
        add(&mut queue, 2, "b", BodyMode::Bytes);
        assert_eq!(queue.pop(true, |_, _, _| true), Some(key(0)));
        queue.started(lane);
        assert_eq!(queue.pop(true, |_, _, _| true), Some(key(2)));
        assert_eq!(queue.pop(true, |_, _, _| true), None);
        add(&mut queue, 3, "a", BodyMode::Bytes);
        assert_eq!(queue.pop(true, |_, _, _| true), None);
        queue.released(lane);
        assert_eq!(queue.pop(true, |_, _, _| true), Some(key(1)));
    }

    #[test]
    fn what_is_urgent_goes_before_everything_else() {
        let mut queue = Queue::new(9);
        for (serial, priority) in [(0, Priority::Low), (1, Priority::Normal), (2, Priority::High), (3, Priority::High)]
        {
            let lane = queue.enter(["a", "b"][serial as usize % 2]);
            queue.push(key(serial), Place { priority, ..place(lane, BodyMode::Bytes) }, 9, |_, _, _| true);
        }
        assert_eq!(popped(&mut queue), [2, 3, 1, 0]);
    }

    #[test]
    fn requests_that_expire_while_waiting_leave_no_pile_and_origins_without_requests_are_forgotten() {
        for pops in [1, 7, u64::MAX] {
            let mut queue = Queue::new(9);
            let mut waiting = VecDeque::new();
            for serial in 0..20_000 {
                let lane = queue.enter(&format!("origin {serial}"));
                queue.push(key(serial), place(lane, BodyMode::Bytes), 10, |other, _, _| other.serial + 10 > serial);
                waiting.push_back(lane);
                if waiting.len() > 10 {
                    waiting.pop_front().into_iter().for_each(|lane| queue.leave(lane));
                }
                if serial % pops == 1 {
                    queue.pop(true, |other, _, _| other.serial + 10 > serial);
                }
                assert!(queue.queued <= 64 + 2 * 10 + 1 && queue.lanes.len() <= 64 + 2 * 10 + 12);
            }
            waiting.into_iter().for_each(|lane| queue.leave(lane));
            assert_eq!(queue.pop(true, |_, _, _| false), None);
            assert_eq!((queue.lanes.len(), queue.by_name.len(), queue.queued), (0, 0, 0));
        }
    }
}
