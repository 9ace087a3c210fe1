//! Adaptive concurrency: how many requests an origin can handle at once, learned from how long it takes to answer.

use crate::attempt_serial::AttemptSerial;
use std::ops::RangeInclusive;
use std::time::Duration;

/// A gradient limit, after `Gradient2Limit` of Netflix's concurrency-limits: while answers are as fast as the baseline,
/// it grows by a part of a request per window; when they are slower, it shrinks in proportion. A window with any drop
/// reduces it by a tenth, as in that library's `AIMDLimit`. A window is a round trip: it ends with the first result of
/// an attempt that was made after the previous window had ended, so that what was in flight at one moment counts once.
///
/// Unlike there, the baseline is learned slowly while answers are slow: with windows this short it would otherwise
/// drift away under load.
#[derive(Debug, Default)]
pub(crate) struct Adaptive {
    /// None if nothing is known.
    limit: Option<f64>,
    /// The usual time to a head in nanoseconds, averaged over windows.
    baseline: f64,
    /// Windows in the baseline.
    windows: u32,
    window: Window,
}

/// The samples since the last window ended.
#[derive(Debug, Default)]
struct Window {
    /// The first attempt whose result ends the window.
    since: AttemptSerial,
    answers: u32,
    /// The sum of their latencies.
    latency: Duration,
    /// The peak.
    in_flight: u32,
    dropped: bool,
}

/// What an attempt says about its origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sample {
    /// A head came after this long.
    Answer(Duration),
    /// It failed through the origin's fault, or was answered with 429 or a server error.
    Drop,
}

/// The limit to begin with, within the bounds.
const INITIAL_LIMIT: f64 = 10.0;

/// The largest limit that is learned; the smallest is one. Batches apply bounds of their own.
const MAX_LIMIT: f64 = 4_096.0;

/// How many times the baseline answers may take before the limit shrinks.
const TOLERANCE: f64 = 1.5;

/// Requests by which the limit may exceed what the gradient allows, so that it can grow.
const QUEUE: f64 = 4.0;

/// The share of the distance to its target that the limit covers in one window.
const SMOOTHING: f64 = 0.2;

/// The factor applied by a window with a drop.
const BACKOFF: f64 = 0.9;

/// The baseline is the mean of this many windows, and then a moving average over [`BASELINE_WINDOWS`].
const WARM_UP: u32 = 10;

/// See [`WARM_UP`].
const BASELINE_WINDOWS: f64 = 600.0;

/// By how much less the baseline is adjusted while answers are slow.
const SLOW_DAMPING: f64 = 16.0;

impl Adaptive {
    /// Requests that may be in flight for a batch with these bounds.
    pub(crate) fn limit(&self, bounds: RangeInclusive<u32>) -> u32 {
        // The cast rounds down to whole requests.
        let limit = self.learned() as u32;
        // Not `clamp`, which panics when the bounds are the wrong way round.
        limit.min(*bounds.end()).max(*bounds.start())
    }

    /// Records the sample of `attempt`, made when `in_flight` requests were in flight. The next attempt made will be
    /// `next`.
    pub(crate) fn learn(&mut self, attempt: AttemptSerial, next: AttemptSerial, sample: Sample, in_flight: u32) {
        let window = &mut self.window;
        window.in_flight = window.in_flight.max(in_flight);
        match sample {
            Sample::Answer(latency) => {
                window.answers += 1;
                window.latency = window.latency.saturating_add(latency);
            }
            Sample::Drop => window.dropped = true,
        }
        if window.since <= attempt {
            let window = std::mem::replace(window, Window { since: next, ..Window::default() });
            self.end(&window);
        }
    }

    fn end(&mut self, window: &Window) {
        let gradient = (window.answers > 0).then(|| {
            let latency = window.latency.as_nanos() as f64 / f64::from(window.answers);
            self.gradient(latency.max(1.0))
        });
        let limit = self.learned();
        let next = match gradient {
            _ if window.dropped => limit * BACKOFF,
            // A limit that is not used has not been tested.
            Some(gradient) if f64::from(window.in_flight) >= limit / 2.0 => {
                limit * (1.0 - SMOOTHING) + (limit * gradient + QUEUE) * SMOOTHING
            }
            Some(_) | None => limit,
        };
        self.limit = Some(next.clamp(1.0, MAX_LIMIT));
    }

    /// The gradient for answers that take this long. Updates the baseline.
    fn gradient(&mut self, latency: f64) -> f64 {
        let weight =
            if self.windows < WARM_UP { 1.0 / f64::from(self.windows + 1) } else { 2.0 / (BASELINE_WINDOWS + 1.0) };
        let slow = self.windows > 0 && latency > self.baseline * TOLERANCE;
        let weight = if slow { weight / SLOW_DAMPING } else { weight };
        self.windows = self.windows.saturating_add(1);
        self.baseline += (latency - self.baseline) * weight;
        let gradient = (TOLERANCE * self.baseline / latency).clamp(0.5, 1.0);
        // An origin that has recovered is not measured by a slow period for long.
        if self.baseline > latency * 2.0 {
            self.baseline *= 0.9;
        }
        gradient
    }

    fn learned(&self) -> f64 {
        self.limit.unwrap_or(INITIAL_LIMIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    const MS: Duration = Duration::from_millis(1);

    /// An origin and its attempts, in rounds of as many as allowed.
    #[derive(Default)]
    struct Origin {
        adaptive: Adaptive,
        next: AttemptSerial,
    }

    impl Origin {
        /// A round of `in_flight` attempts, each with its `sample`.
        fn round(&mut self, in_flight: u32, sample: impl Fn(u32) -> Sample) {
            let attempts: Vec<AttemptSerial> = (0..in_flight).map(|_| self.made()).collect();
            for (attempt, place) in attempts.into_iter().zip(0..) {
                self.adaptive.learn(attempt, self.next, sample(place), in_flight);
            }
        }

        fn made(&mut self) -> AttemptSerial {
            let attempt = self.next;
            self.next = attempt.next();
            attempt
        }

        /// Rounds against `servers` that take 10 ms for each attempt while the others wait.
        fn rounds(&mut self, servers: u32, rounds: u32) -> u32 {
            for _ in 0..rounds {
                self.round(self.limit(), |place| Sample::Answer(10 * MS * (place / servers + 1)));
            }
            self.limit()
        }

        fn limit(&self) -> u32 {
            self.adaptive.limit(1..=1_000)
        }
    }

    /// `Gradient2Limit` as its documentation has it ("The core algorithm"), with the tolerance of 1.5 that its version 0.3 had, and
    /// `ExpAvgMeasurement(600, 10)` for the long average; a window with drops as in `AIMDLimit`, whose backoff ratio is 0.9.
    struct Reference {
        limit: f64,
        long: f64,
        count: f64,
    }

    impl Reference {
        fn update(&mut self, short: f64, in_flight: f64, dropped: bool) {
            self.count += 1.0;
            let factor = if self.count <= 10.0 { 1.0 / self.count } else { 2.0 / 601.0 };
            self.long = self.long * (1.0 - factor) + short * factor;
            let gradient = (1.5 * self.long / short).clamp(0.5, 1.0);
            if self.long / short > 2.0 {
                self.long *= 0.9;
            }
            if dropped {
                self.limit *= 0.9;
            } else if in_flight >= self.limit / 2.0 {
                let new = gradient * self.limit + 4.0;
                self.limit = self.limit * 0.8 + new * 0.2;
            }
            self.limit = self.limit.clamp(1.0, 4_096.0);
        }
    }

    /// L10: window by window the same as gradient2, while answers are not slower than it tolerates.
    #[test]
    fn it_follows_gradient2_while_answers_are_fast() {
        for seed in 0..100 {
            let mut random = Random::new(seed);
            let (mut origin, mut reference) = (Origin::default(), Reference { limit: 10.0, long: 0.0, count: 0.0 });
            for _ in 0..300 {
                let latency = 10 * MS + Duration::from_micros(random.up_to(4_000));
                let in_flight = 1 + u32::try_from(random.up_to(40)).unwrap();
                let dropped = random.up_to(30) == 0;
                // One attempt was made after the last window; the others before.
                let attempt = origin.made();
                if dropped {
                    origin.adaptive.learn(AttemptSerial::default(), origin.next, Sample::Drop, 1);
                }
                origin.adaptive.learn(attempt, origin.next, Sample::Answer(latency), in_flight);
                reference.update(latency.as_nanos() as f64, f64::from(in_flight), dropped);
                let (ours, theirs) = (origin.adaptive.learned(), reference.limit);
                assert!((ours - theirs).abs() < 1e-6, "seed {seed}: {ours}, not {theirs}");
            }
        }
    }

    /// L10: under lasting load it admits no more than gradient2, whose baseline follows the load.
    #[test]
    fn under_load_it_stays_below_gradient2() {
        let (mut origin, mut reference) = (Origin::default(), Reference { limit: 10.0, long: 0.0, count: 0.0 });
        for window in 0..3_000 {
            let latency = if window < 200 { 10 * MS } else { 40 * MS };
            origin.round(1, |_| Sample::Answer(latency));
            origin.adaptive.window.in_flight = 4_096;
            reference.update(latency.as_nanos() as f64, 4_096.0, false);
            assert!(origin.adaptive.learned() < reference.limit + 1.0, "window {window}");
        }
        assert!(origin.limit() < 50 && reference.limit > 1_000.0, "{} {}", origin.limit(), reference.limit);
    }

    #[test]
    fn it_grows_by_less_than_one_per_round_trip_while_answers_are_as_fast_as_usual() {
        let mut origin = Origin::default();
        assert_eq!(origin.limit(), 10);
        assert_eq!(origin.rounds(10_000, 10), 18);
        assert_eq!(origin.rounds(10_000, 2_000), 1_000);
    }

    #[test]
    fn it_settles_near_the_capacity_of_the_origin() {
        let settled = Origin::default().rounds(50, 1_000);
        assert!((40..150).contains(&settled), "{settled}");
    }

    #[test]
    fn it_shrinks_when_answers_slow_down_and_recovers() {
        let mut origin = Origin::default();
        origin.rounds(10_000, 500);
        (0..20).for_each(|_| origin.round(origin.limit(), |_| Sample::Answer(200 * MS)));
        let shrunk = origin.limit();
        assert!(shrunk < 100, "{shrunk}");
        assert!(origin.rounds(10_000, 500) > 400);
    }

    /// L10: attempts in flight at one moment cut the limit once.
    #[test]
    fn simultaneous_failures_cut_once() {
        let mut origin = Origin::default();
        origin.rounds(10_000, 225);
        assert_eq!(origin.limit(), 190);
        origin.round(187, |_| Sample::Drop);
        assert_eq!(origin.limit(), 171);
    }

    #[test]
    fn repeated_drops_take_it_to_its_floor_and_no_further() {
        let mut origin = Origin::default();
        (0..40).for_each(|_| origin.round(origin.limit(), |_| Sample::Drop));
        assert_eq!((origin.limit(), origin.adaptive.limit(3..=1_000)), (1, 3));
    }

    #[test]
    fn a_limit_that_is_not_used_does_not_grow() {
        let mut origin = Origin::default();
        (0..1_000).for_each(|_| origin.round(1, |_| Sample::Answer(MS)));
        assert_eq!(origin.limit(), 10);
    }

    #[test]
    fn the_learned_limit_stays_within_the_bounds_of_each_batch() {
        let mut origin = Origin::default();
        assert_eq!((origin.adaptive.limit(20..=30), origin.adaptive.limit(1..=4)), (20, 4));
        origin.rounds(10_000, 2_000);
        assert_eq!((origin.adaptive.limit(1..=4), origin.limit()), (4, 1_000), "what was learned is not lost for that");
        origin.round(u32::from(u16::MAX), |_| Sample::Answer(Duration::MAX));
        origin.round(1, |_| Sample::Answer(Duration::ZERO));
        assert!((1..=1_000).contains(&origin.limit()));
    }
}
