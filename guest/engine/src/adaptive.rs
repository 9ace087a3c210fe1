//! How many requests an origin bears at once, learned from how long it takes to answer.

use std::ops::RangeInclusive;
use std::time::Duration;

/// A gradient limit, after Netflix's concurrency-limits ("gradient2"): while answers come as fast as usual it grows by a few
/// requests for as many answers as it allows at once; when they come slower it shrinks in proportion; every failure takes a
/// tenth of it. Unlike there, what is usual is learned slowly while answers are slow: else it would drift away under load.
#[derive(Debug, Default)]
pub(crate) struct Adaptive {
    /// In thousandths of a request. Zero: nothing is known.
    limit: u64,
    /// How long a head takes in nanoseconds, averaged over some 256 answers; over some 4,096 while they are slow.
    usual: u64,
    /// The same over some 8.
    recent: u64,
}

/// What is begun with, if the bounds allow it.
const FIRST: u64 = 10;

/// Thousandths in one request.
const ONE: u64 = 1_000;

/// What is learned at most, and at least one: batches keep to bounds of their own.
const MOST: u64 = 4_096 * ONE;

/// Answers may take this many thousandths of the usual before the limit shrinks.
const TOLERANCE: u64 = 1_500;

/// Requests by which the limit may exceed what the gradient says: how it grows.
const HEADROOM: u64 = 4 * ONE;

impl Adaptive {
    /// Requests that may be in flight for a batch with these bounds.
    pub(crate) fn limit(&self, bounds: RangeInclusive<u32>) -> u32 {
        let limit = u32::try_from(self.learned() / ONE).unwrap_or(u32::MAX);
        // Not `clamp`, which breaks down when the bounds are the wrong way round.
        limit.min(*bounds.end()).max(*bounds.start())
    }

    /// A head came after `latency`, when `in_flight` requests were in flight.
    pub(crate) fn answered(&mut self, latency: Duration, in_flight: u32) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX).clamp(1, 1 << 42);
        if self.usual == 0 {
            (self.usual, self.recent) = (nanos, nanos);
        }
        self.recent = (self.recent * 7 + nanos) / 8;
        // While answers are slow because the origin is asked too much, that must not become the usual.
        let slow = self.recent > self.usual / 1_000 * TOLERANCE;
        let memory = if slow { 4_096 } else { 256 };
        self.usual = (self.usual * (memory - 1) + nanos) / memory;
        // An origin that has recovered is not measured by its bad time for long.
        if self.usual > self.recent * 2 {
            self.usual -= self.usual / 20;
        }
        let limit = self.learned();
        let gradient = (TOLERANCE * self.usual / self.recent.max(1)).clamp(500, 1_000);
        let wanted = limit * gradient / 1_000 + HEADROOM;
        let next = (limit * 4 + wanted) / 5;
        // What is not used cannot have been tried.
        let used = u64::from(in_flight) * ONE * 2 >= limit;
        self.limit = if used { next } else { next.min(limit) }.clamp(ONE, MOST);
    }

    /// An attempt failed in a way that speaks against the origin.
    pub(crate) fn failed(&mut self) {
        self.limit = (self.learned() * 9 / 10).max(ONE);
    }

    fn learned(&self) -> u64 {
        if self.limit == 0 { FIRST * ONE } else { self.limit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// An origin with `servers` that take 10 ms each and let the others wait: as many rounds with as many as allowed.
    fn rounds(adaptive: &mut Adaptive, servers: u32, rounds: u32) -> u32 {
        for _ in 0..rounds {
            let in_flight = adaptive.limit(1..=1_000);
            for place in 0..in_flight {
                adaptive.answered(10 * MS * (place / servers + 1), in_flight);
            }
        }
        adaptive.limit(1..=1_000)
    }

    #[test]
    fn it_grows_while_answers_come_as_fast_as_usual() {
        let mut adaptive = Adaptive::default();
        assert_eq!(adaptive.limit(1..=1_000), 10);
        assert_eq!(rounds(&mut adaptive, 10_000, 20), 1_000);
    }

    #[test]
    fn it_settles_near_what_the_origin_can_do() {
        let mut adaptive = Adaptive::default();
        let settled = rounds(&mut adaptive, 50, 40);
        assert!((40..120).contains(&settled), "{settled}");
    }

    #[test]
    fn it_shrinks_when_answers_slow_down_and_recovers() {
        let mut adaptive = Adaptive::default();
        rounds(&mut adaptive, 10_000, 20);
        for _ in 0..40 {
            adaptive.answered(200 * MS, 1_000);
        }
        let shrunk = adaptive.limit(1..=1_000);
        assert!(shrunk < 200, "{shrunk}");
        assert_eq!(rounds(&mut adaptive, 10_000, 60), 1_000);
    }

    #[test]
    fn failures_take_it_to_its_floor_and_no_further() {
        let mut adaptive = Adaptive::default();
        for _ in 0..100 {
            adaptive.failed();
        }
        assert_eq!(adaptive.limit(3..=1_000), 3);
    }

    #[test]
    fn what_is_not_used_does_not_grow() {
        let mut adaptive = Adaptive::default();
        for _ in 0..1_000 {
            adaptive.answered(MS, 1);
        }
        assert_eq!(adaptive.limit(1..=1_000), 10);
    }

    #[test]
    fn whatever_was_learned_keeps_to_the_bounds_it_is_asked_with() {
        let mut adaptive = Adaptive::default();
        assert_eq!((adaptive.limit(20..=30), adaptive.limit(1..=4)), (20, 4));
        rounds(&mut adaptive, 10_000, 20);
        assert_eq!(adaptive.limit(1..=4), 4);
        assert_eq!(adaptive.limit(1..=1_000), 1_000, "and what was learned is not lost for that");
        adaptive.answered(10 * MS, 4);
        assert_eq!(adaptive.limit(1..=1_000), 1_000, "nor for an answer to a batch with narrower bounds");
        adaptive.answered(Duration::MAX, u32::MAX);
        adaptive.answered(Duration::ZERO, 0);
        assert!((1..=1_000).contains(&adaptive.limit(1..=1_000)));
    }
}
