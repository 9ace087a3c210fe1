//! Which deadline comes next, for any number of requests and one host timer.

use crate::Instant;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Deadlines, earliest first. Entries are never removed one by one: the caller says which are still wanted, and the
/// others are dropped when they come up or when they outnumber the wanted ones by `SLACK`. Adding costs O(1) amortised
/// for deadlines that come in order, as those of equal timeouts do.
#[derive(Debug)]
pub(crate) struct Timers<K> {
    heap: BinaryHeap<Reverse<(Instant, K)>>,
    /// The number of entries at which the next sweep pays off.
    sweep_at: usize,
}

/// Entries held per wanted one before the others are swept.
const SLACK: usize = 4;

impl<K: Ord + Copy> Timers<K> {
    pub(crate) fn new() -> Self {
        Self { heap: BinaryHeap::new(), sweep_at: 0 }
    }

    /// Adds a deadline. `wanted` tells which keys are still of interest; `count` is how many are.
    pub(crate) fn add(&mut self, at: Instant, key: K, count: usize, wanted: impl Fn(&K) -> bool) {
        if self.heap.len() >= (64 + SLACK * count).max(self.sweep_at) {
            self.heap.retain(|Reverse((_, key))| wanted(key));
            // If most are wanted, another sweep soon would find nothing to drop.
            self.sweep_at = self.heap.len() * 2;
        }
        self.heap.push(Reverse((at, key)));
    }

    /// The earliest deadline of a wanted key.
    pub(crate) fn next(&mut self, wanted: impl Fn(&K) -> bool) -> Option<Instant> {
        while let Some(Reverse((at, key))) = self.heap.peek() {
            if wanted(key) {
                return Some(*at);
            }
            self.heap.pop();
        }
        None
    }

    /// Takes one entry that is due at `now`, wanted or not.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<K> {
        let Reverse((at, key)) = self.heap.peek()?;
        let due = (*at <= now).then_some(*key);
        if due.is_some() {
            self.heap.pop();
        }
        due
    }

    /// Entries, wanted or not.
    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(nanos: u64) -> Instant {
        Instant::from_nanos(nanos)
    }

    #[test]
    fn the_earliest_wanted_deadline_comes_first() {
        let mut timers = Timers::new();
        for (nanos, key) in [(30, 3), (10, 1), (20, 2)] {
            timers.add(at(nanos), key, 3, |_| true);
        }
        assert_eq!(timers.next(|key| *key != 1), Some(at(20)));
        assert_eq!(timers.pop_due(at(19)), None);
        assert_eq!(timers.pop_due(at(20)), Some(2));
    }

    #[test]
    fn the_timers_of_a_million_requests_that_end_early_do_not_pile_up() {
        let mut timers = Timers::new();
        for key in 0..1_000_000_u64 {
            timers.add(at(key + 1_000_000_000), key, 10, |other| *other + 10 > key);
            assert!(timers.len() <= 64 + SLACK * 10 + 1);
        }
    }
}
