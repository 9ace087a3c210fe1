//! Circuit breakers: when to stop sending to a failing origin.

use crate::attempt_serial::AttemptSerial;
use crate::sliding_window::{Results, SlidingWindow};
use crate::{Failure, Fault, Instant, Settings};
use std::time::Duration;

/// The results of attempts to an origin in the last ten seconds, and a circuit breaker for each rule of its batches.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    results: SlidingWindow<Results>,
    last_failure: Instant,
    circuits: Vec<Circuit>,
}

/// The rule of a batch's policy for opening a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Failed attempts of a hundred at which it opens.
    percent: u32,
    /// Attempts needed before it can open.
    minimum: u32,
    /// How long it stays open.
    open: Duration,
}

/// A breaker for one rule.
#[derive(Debug)]
struct Circuit {
    rule: Rule,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Lets everything through, and counts the results of attempts admitted at `since` or later.
    Closed { since: AttemptSerial, results: SlidingWindow<Results> },
    /// Lets nothing through before then; the next attempt is the probe.
    Open { until: Instant },
    /// The probe's result decides, and no other attempt's. If there is none by `until`, another probe is sent.
    HalfOpen { probe: AttemptSerial, until: Instant },
}

/// Rules per origin. When another is needed, a closed circuit is dropped, otherwise the one that would admit a probe
/// first.
const MAX_CIRCUITS: usize = 8;

/// Heap bytes.
#[cfg(test)]
pub(crate) const MAX_BYTES: usize = MAX_CIRCUITS * size_of::<Circuit>();

impl Breaker {
    /// When the next attempt is admitted by this rule; none if it is admitted now.
    pub(crate) fn open_until(&mut self, now: Instant, rule: Rule) -> Option<Instant> {
        if !self.circuits.iter().any(|circuit| circuit.rule == rule) {
            self.add_circuit(now, rule);
        }
        let circuit = self.circuits.iter().find(|circuit| circuit.rule == rule)?;
        circuit.state.open_until().filter(|until| now < *until)
    }

    /// Records an attempt of a batch with this rule: if the breaker is not closed, it is the probe.
    pub(crate) fn admit(&mut self, now: Instant, attempt: AttemptSerial, rule: Rule) {
        let circuit = self.circuits.iter_mut().find(|circuit| circuit.rule == rule);
        if let Some(circuit) = circuit.filter(|circuit| circuit.state.open_until().is_some()) {
            circuit.state = State::HalfOpen { probe: attempt, until: now + rule.open };
        }
    }

    /// Records the result of an attempt, whichever batch made it. Returns whether that closed a breaker.
    pub(crate) fn record(&mut self, now: Instant, attempt: AttemptSerial, failed: bool) -> bool {
        let result = Results { all: 1, failed: u32::from(failed) };
        self.results.add(now, result);
        if failed {
            self.last_failure = now;
        }
        let mut closed = false;
        for circuit in &mut self.circuits {
            closed |= circuit.record(now, attempt, result);
        }
        closed
    }

    /// This attempt will have no result, which says nothing about the origin: if it was a probe, the next attempt takes
    /// its place.
    pub(crate) fn release(&mut self, attempt: AttemptSerial) {
        for Circuit { state, .. } in &mut self.circuits {
            if matches!(state, State::HalfOpen { probe, .. } if *probe == attempt) {
                *state = State::Open { until: Instant::default() };
            }
        }
    }

    /// When all breakers will admit a probe: until then they must not be forgotten.
    pub(crate) fn latest_open_until(&self) -> Instant {
        self.circuits.iter().filter_map(|circuit| circuit.state.open_until()).max().unwrap_or_default()
    }

    /// Adds a circuit for this rule, in the state that follows from the results so far.
    fn add_circuit(&mut self, now: Instant, rule: Rule) {
        if self.circuits.len() >= MAX_CIRCUITS {
            let ends = self.circuits.iter().map(|circuit| circuit.state.open_until()).enumerate();
            let first = ends.min_by_key(|(_, end)| *end);
            first.map(|(place, _)| self.circuits.swap_remove(place));
        }
        let state = match rule.trips(self.results.sum(now)) {
            true => State::Open { until: self.last_failure + rule.open },
            false => State::Closed { since: AttemptSerial::default(), results: self.results },
        };
        self.circuits.push(Circuit { rule, state });
    }
}

impl Circuit {
    /// Returns whether this closed it.
    fn record(&mut self, now: Instant, attempt: AttemptSerial, result: Results) -> bool {
        let (open, failed) = (State::Open { until: now + self.rule.open }, result.failed > 0);
        match &mut self.state {
            State::Closed { since, results } if *since <= attempt => {
                results.add(now, result);
                if self.rule.trips(results.sum(now)) {
                    self.state = open;
                }
                false
            }
            State::HalfOpen { probe, .. } if *probe == attempt => {
                let closed = State::Closed { since: attempt.next(), results: SlidingWindow::default() };
                self.state = if failed { open } else { closed };
                !failed
            }
            // It was admitted before the current state.
            State::Closed { .. } | State::HalfOpen { .. } | State::Open { .. } => false,
        }
    }
}

impl State {
    fn open_until(&self) -> Option<Instant> {
        match self {
            Self::Closed { .. } => None,
            Self::Open { until } | Self::HalfOpen { until, .. } => Some(*until),
        }
    }
}

impl Rule {
    /// The rule of a batch, if it has one.
    pub(crate) fn of(settings: &Settings) -> Option<Self> {
        let Settings { breaker_percent: percent, breaker_minimum: minimum, breaker_open: open, .. } = *settings;
        (percent > 0).then_some(Self { percent, minimum, open })
    }

    fn trips(self, Results { all, failed }: Results) -> bool {
        all >= self.minimum && u64::from(failed) * 100 >= u64::from(all) * u64::from(self.percent)
    }
}

/// Whether an attempt counts as a failure of its origin: a server error, or a failure that is the peer's or the
/// network's. Any other response counts as a success; failures of the caller, the policy or the host do not count.
pub(crate) fn verdict(failure: Option<&Failure>, status: Option<u16>) -> Option<bool> {
    match failure {
        None => Some(status.is_some_and(|status| status >= 500)),
        Some(failure) => match failure.fault {
            Fault::Peer | Fault::Network => Some(true),
            // The attempt timeout is the one limit of ours that a slow origin can exceed.
            Fault::Policy if failure.cause == crate::Cause::TimeoutAttempt => Some(true),
            Fault::Caller | Fault::Policy | Fault::Host => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    const SECOND: Duration = Duration::from_secs(1);

    const RULE: Rule = Rule { percent: 50, minimum: 10, open: SECOND };

    const fn ms(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    fn attempt(number: u32) -> AttemptSerial {
        (0..number).fold(AttemptSerial::default(), |attempt, _| attempt.next())
    }

    /// L9, L10: compared with the time-based sliding window of resilience4j (documentation "CircuitBreaker", sections
    /// "Time-based sliding window" and "Failure rate and slow call rate thresholds"): one partial sum for each second,
    /// open at or above the threshold as soon as there is the minimum number of calls.
    #[test]
    fn it_opens_when_a_sliding_window_of_ten_seconds_does() {
        let mut opened = 0;
        for seed in 0..200 {
            let mut random = Random::new(seed);
            let rule = Rule {
                percent: 1 + u32::try_from(random.up_to(99)).unwrap(),
                minimum: 1 + u32::try_from(random.up_to(30)).unwrap(),
                open: SECOND,
            };
            let (mut breaker, mut calls, mut now) = (Breaker::default(), Vec::new(), 0);
            assert_eq!(breaker.open_until(ms(0), rule), None);
            for _ in 0..200 {
                now += random.up_to(1_500);
                let failed = random.up_to(99) < seed % 100;
                breaker.record(ms(now), attempt(1), failed);
                calls.push((now / 1_000, failed));
                let window: Vec<bool> =
                    calls.iter().filter(|(second, _)| second + 10 > now / 1_000).map(|(_, failed)| *failed).collect();
                let rate = 100.0 * window.iter().filter(|failed| **failed).count() as f64 / window.len() as f64;
                let expected = window.len() >= rule.minimum as usize && rate >= f64::from(rule.percent);
                let open = breaker.open_until(ms(now), rule);
                assert_eq!(open, expected.then_some(ms(now) + SECOND), "seed {seed}, {window:?}");
                if expected {
                    opened += 1;
                    break;
                }
            }
        }
        assert!((50..200).contains(&opened), "{opened}");
    }

    /// L9: attempts admitted before the probe do not count.
    #[test]
    fn only_the_probe_decides() {
        let mut breaker = Breaker::default();
        breaker.open_until(ms(0), RULE);
        (0..10).for_each(|number| _ = breaker.record(ms(0), attempt(number), true));
        assert_eq!(breaker.open_until(ms(0), RULE), Some(ms(1_000)));
        assert!(!breaker.record(ms(500), attempt(10), false), "a late success while it is open");
        assert!(breaker.open_until(ms(999), RULE).is_some());
        breaker.admit(ms(1_000), attempt(20), RULE);
        breaker.record(ms(1_100), attempt(11), true);
        breaker.record(ms(1_100), attempt(12), false);
        assert_eq!(breaker.open_until(ms(1_200), RULE), Some(ms(2_000)), "neither closed nor put off");
        assert!(breaker.record(ms(1_300), attempt(20), false));
        (13..20).for_each(|number| _ = breaker.record(ms(1_400), attempt(number), true));
        (13..20).for_each(|number| _ = breaker.record(ms(1_400), attempt(number), true));
        assert_eq!(breaker.open_until(ms(1_400), RULE), None, "late failures of before");
    }

    /// L5: results are shared, decisions are not.
    #[test]
    fn each_rule_decides_for_itself_on_shared_results() {
        let strict = Rule { percent: 1, minimum: 1, open: 3_600 * SECOND };
        let mut breaker = Breaker::default();
        breaker.open_until(ms(0), strict);
        breaker.record(ms(0), attempt(1), true);
        assert_eq!(breaker.open_until(ms(0), strict), Some(ms(3_600_000)));
        assert_eq!(breaker.open_until(ms(0), RULE), None);
        (0..9).for_each(|_| _ = breaker.record(ms(10), attempt(2), true));
        assert_eq!(breaker.open_until(ms(10), RULE), Some(ms(1_010)));
        let new = Rule { minimum: 5, ..RULE };
        assert_eq!(breaker.open_until(ms(20), new), Some(ms(1_010)), "also to one that comes later");
    }

    #[test]
    fn the_number_of_circuits_is_bounded_and_closed_ones_are_dropped_first() {
        let mut breaker = Breaker::default();
        (0..10).for_each(|_| _ = breaker.record(ms(0), attempt(1), true));
        breaker.open_until(ms(0), RULE);
        for minimum in 100..200 {
            breaker.open_until(ms(0), Rule { minimum, ..RULE });
            assert!(breaker.circuits.len() <= MAX_CIRCUITS);
        }
        assert!(breaker.circuits.iter().any(|circuit| circuit.rule == RULE));
    }
}
