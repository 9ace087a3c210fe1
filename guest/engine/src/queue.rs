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
    lanes: Slab<Lane>,
    by_name: BTreeMap<String, LaneId>,
    /// For each kind the lanes that have such requests and room for them, the one whose turn it is in front.
    rings: [VecDeque<LaneId>; KINDS],
    /// Keys in all lines.
    queued: usize,
    /// Lanes out of which nothing may go for a while.
    parked: BTreeSet<(Instant, LaneId)>,
}

/// Names one origin of a batch, for as long as it has requests.
pub(crate) type LaneId = usize;

/// One origin of a batch.
#[derive(Debug, Default)]
struct Lane {
    name: String,
    /// Requests that have no outcome yet.
    live: u32,
    in_flight: u32,
    /// Attempts at once.
    limit: u32,
    /// By kind, those that waited longest in front.
    lines: [VecDeque<Key>; KINDS],
    in_ring: [bool; KINDS],
    /// Nothing of it may go before then.
    parked: Option<Instant>,
}

/// Three priorities, and for each those for unread bodies apart, because they may have to wait while others go on.
const KINDS: usize = 6;

fn kind(priority: Priority, body: BodyMode) -> usize {
    let first = match priority {
        Priority::High => 0,
        Priority::Normal => 2,
        Priority::Low => 4,
    };
    first + usize::from(body == BodyMode::Unread)
}

impl Lane {
    fn has_room(&self) -> bool {
        self.in_flight < self.limit
    }

    fn is_unused(&self) -> bool {
        self.live == 0 && !self.in_ring.contains(&true)
    }
}

impl Queue {
    pub(crate) fn new(per_origin: u32) -> Self {
        let (lanes, by_name, rings, queued, parked) = Default::default();
        Self { per_origin, lanes, by_name, rings, queued, parked }
    }

    /// Counts a request to the origin of this name, and gives its lane.
    pub(crate) fn enter(&mut self, name: &str) -> LaneId {
        let id = self.by_name.get(name).copied().unwrap_or_else(|| {
            let id = self.lanes.insert(Lane { name: name.to_owned(), limit: self.per_origin, ..Lane::default() });
            self.by_name.insert(name.to_owned(), id);
            id
        });
        if let Some(lane) = self.lanes.get_mut(id) {
            lane.live += 1;
        }
        id
    }

    /// The request has left: it has its outcome, or goes to another origin.
    pub(crate) fn leave(&mut self, id: LaneId) {
        if let Some(lane) = self.lanes.get_mut(id) {
            lane.live -= 1;
            // Nobody waits there any more.
            if let Some(until) = lane.parked.take_if(|_| lane.live == 0) {
                self.parked.remove(&(until, id));
            }
        }
        self.forget_if_empty(id);
    }

    /// Whether one more attempt may be started there.
    pub(crate) fn has_room(&self, id: LaneId) -> bool {
        self.lanes.get(id).is_some_and(Lane::has_room)
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
    pub(crate) fn in_flight(&self, id: LaneId) -> u32 {
        self.lanes.get(id).map_or(0, |lane| lane.in_flight)
    }

    /// Sets how many attempts may be in flight there from now on.
    pub(crate) fn set_limit(&mut self, id: LaneId, limit: u32) {
        let Some(lane) = self.lanes.get_mut(id) else { return };
        let had_room = lane.has_room();
        lane.limit = limit;
        if !had_room && lane.has_room() {
            self.line_up(id);
        }
    }

    /// An attempt was started.
    pub(crate) fn started(&mut self, id: LaneId) {
        if let Some(lane) = self.lanes.get_mut(id) {
            lane.in_flight += 1;
        }
    }

    /// An attempt is over.
    pub(crate) fn released(&mut self, id: LaneId) {
        let Some(lane) = self.lanes.get_mut(id) else { return };
        lane.in_flight -= 1;
        self.line_up(id);
    }

    /// Lets nothing go to this origin before then.
    pub(crate) fn park(&mut self, id: LaneId, until: Instant) {
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
    fn line_up(&mut self, id: LaneId) {
        let Some(lane) = self.lanes.get_mut(id).filter(|lane| lane.parked.is_none()) else { return };
        for ((line, in_ring), ring) in lane.lines.iter().zip(&mut lane.in_ring).zip(&mut self.rings) {
            if !*in_ring && !line.is_empty() {
                *in_ring = true;
                ring.push_back(id);
            }
        }
    }

    /// Adds a request, behind the others of its kind or before them. `waiting` tells which still wait, of which there are
    /// `count`.
    pub(crate) fn push(&mut self, key: Key, place: Place, count: usize, waiting: impl Fn(Key) -> bool) {
        if self.queued >= 64 + 2 * count {
            self.sweep(waiting);
        }
        let kind = kind(place.priority, place.body);
        let Some(lane) = self.lanes.get_mut(place.lane) else { return };
        let (Some(line), Some(in_ring), Some(ring)) =
            (lane.lines.get_mut(kind), lane.in_ring.get_mut(kind), self.rings.get_mut(kind))
        else {
            return;
        };
        if place.first {
            line.push_front(key);
        } else {
            line.push_back(key);
        }
        self.queued += 1;
        // One that has no room, or is parked, comes in when that is over.
        if !*in_ring && lane.in_flight < lane.limit && lane.parked.is_none() {
            *in_ring = true;
            if place.first {
                ring.push_front(place.lane);
            } else {
                ring.push_back(place.lane);
            }
        }
    }

    /// The request whose turn it is; those for unread bodies only if `unread_may_go`.
    pub(crate) fn pop(&mut self, unread_may_go: bool, waiting: impl Fn(Key) -> bool) -> Option<Key> {
        (0..KINDS).step_by(2).find_map(|read| {
            let unread = read + 1;
            let first = self.front(read, &waiting);
            let first_unread = if unread_may_go { self.front(unread, &waiting) } else { None };
            match (first, first_unread) {
                (None, None) => None,
                (Some(read_key), Some(unread_key)) if unread_key < read_key => self.take(unread),
                (Some(_), _) => self.take(read),
                (None, Some(_)) => self.take(unread),
            }
        })
    }

    /// The first request of this kind in the lane whose turn it is, after clearing away what is not waiting any more.
    fn front(&mut self, kind: usize, waiting: impl Fn(Key) -> bool) -> Option<Key> {
        loop {
            let id = *self.rings.get(kind)?.front()?;
            let lane = self.lanes.get_mut(id)?;
            let line = lane.lines.get_mut(kind)?;
            while line.front().is_some_and(|key| !waiting(*key)) {
                line.pop_front();
                self.queued -= 1;
            }
            match line.front() {
                Some(key) if lane.in_flight < lane.limit && lane.parked.is_none() => return Some(*key),
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
        let id = ring.pop_front()?;
        let lane = self.lanes.get_mut(id)?;
        let line = lane.lines.get_mut(kind)?;
        let key = line.pop_front()?;
        self.queued -= 1;
        let more = !line.is_empty();
        if more {
            ring.push_back(id);
        }
        *lane.in_ring.get_mut(kind)? = more;
        Some(key)
    }

    /// Clears out the keys of requests that are not waiting any more, and the origins that have no others.
    fn sweep(&mut self, waiting: impl Fn(Key) -> bool) {
        self.queued = 0;
        for (_, lane) in &mut self.lanes {
            for (line, in_ring) in lane.lines.iter_mut().zip(&mut lane.in_ring) {
                line.retain(|key| waiting(*key));
                *in_ring &= !line.is_empty();
                self.queued += line.len();
            }
        }
        let Self { lanes, by_name, rings, .. } = self;
        for (kind, ring) in rings.iter_mut().enumerate() {
            ring.retain(|id| lanes.get(*id).and_then(|lane| lane.in_ring.get(kind)) == Some(&true));
        }
        lanes.retain(|_, lane| {
            if lane.is_unused() {
                by_name.remove(&lane.name);
            }
            !lane.is_unused()
        });
    }

    fn forget_if_empty(&mut self, id: LaneId) {
        if self.lanes.get(id).is_some_and(Lane::is_unused) {
            let lane = self.lanes.remove(id);
            self.queued -= lane.lines.iter().map(VecDeque::len).sum::<usize>();
            self.by_name.remove(&lane.name);
        }
    }
}

/// Where in the queue a request belongs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) lane: LaneId,
    pub(crate) priority: Priority,
    pub(crate) body: BodyMode,
    /// Before all others of its kind.
    pub(crate) first: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn key(serial: u64) -> Key {
        Key { serial, slot: 0 }
    }

    fn place(lane: LaneId, body: BodyMode) -> Place {
        Place { lane, priority: Priority::Normal, body, first: false }
    }

    /// Enters a request to `name`, and lets it wait.
    fn add(queue: &mut Queue, serial: u64, name: &str, body: BodyMode) -> LaneId {
        let lane = queue.enter(name);
        queue.push(key(serial), place(lane, body), 1_000, |_| true);
        lane
    }

    fn popped(queue: &mut Queue) -> Vec<u64> {
        std::iter::from_fn(|| queue.pop(true, |_| true)).map(|key| key.serial).collect()
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
        assert_eq!(queue.pop(false, |_| true), Some(key(1)));
        assert_eq!(queue.pop(false, |_| true), None);
        assert_eq!(queue.pop(true, |_| true), Some(key(0)));
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
        assert_eq!(queue.pop(true, |_| true), Some(key(0)));
        queue.started(lane);
        assert_eq!(queue.pop(true, |_| true), Some(key(2)));
        assert_eq!(queue.pop(true, |_| true), None);
        add(&mut queue, 3, "a", BodyMode::Bytes);
        assert_eq!(queue.pop(true, |_| true), None);
        queue.released(lane);
        assert_eq!(queue.pop(true, |_| true), Some(key(1)));
    }

    #[test]
    fn what_is_urgent_goes_before_everything_else() {
        let mut queue = Queue::new(9);
        for (serial, priority) in [(0, Priority::Low), (1, Priority::Normal), (2, Priority::High), (3, Priority::High)]
        {
            let lane = queue.enter(["a", "b"][serial as usize % 2]);
            queue.push(key(serial), Place { priority, ..place(lane, BodyMode::Bytes) }, 9, |_| true);
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
                queue.push(key(serial), place(lane, BodyMode::Bytes), 10, |other| other.serial + 10 > serial);
                waiting.push_back(lane);
                if waiting.len() > 10 {
                    waiting.pop_front().into_iter().for_each(|lane| queue.leave(lane));
                }
                if serial % pops == 1 {
                    queue.pop(true, |other| other.serial + 10 > serial);
                }
                assert!(queue.queued <= 64 + 2 * 10 + 1 && queue.lanes.len() <= 64 + 2 * 10 + 12);
            }
            waiting.into_iter().for_each(|lane| queue.leave(lane));
            assert_eq!(queue.pop(true, |_| false), None);
            assert_eq!((queue.lanes.len(), queue.by_name.len(), queue.queued), (0, 0, 0));
        }
    }
}
