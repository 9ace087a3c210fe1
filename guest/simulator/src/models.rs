//! Models of the limits of an origin, computed from what is visible outside the engine, as they are documented.

use crate::broken::Broken;
use fantail_engine::{AttemptId, Instant, Settings};
use std::collections::BTreeMap;
use std::time::Duration;

/// An attempt of one of the batches.
type Attempt = (usize, AttemptId);

/// Counts attempts since the first.
#[derive(Default)]
pub(crate) struct Schedule {
    first: Option<Instant>,
    count: u64,
}

impl Schedule {
    pub(crate) fn add(&mut self, now: Instant) {
        self.first.get_or_insert(now);
        self.count += 1;
    }

    pub(crate) fn first(&self) -> Instant {
        self.first.unwrap_or_default()
    }

    /// Checks for at most the burst plus the rate times the time since the first attempt was due, which may have been
    /// `late`.
    pub(crate) fn check(&self, now: Instant, late: Duration, rate: u32, burst: u64) -> Result<(), Broken> {
        let nanos = u64::try_from((now.since(self.first()) + late).as_nanos()).unwrap_or(u64::MAX);
        // The engine's interval between attempts is in whole nanoseconds.
        let max = burst + nanos / (1_000_000_000 / u64::from(rate));
        Broken::unless(self.count <= max, || format!("asked {} times at {rate} a second, not {max}", self.count))
    }
}

/// A breaker, when all batches have the same rule.
#[derive(Default)]
pub(crate) struct Circuit {
    state: State,
    /// For each attempt in flight, how many were started before it.
    started_before: BTreeMap<Attempt, u64>,
    count: u64,
}

enum State {
    /// The number of attempts when it closed, and results by second.
    Closed(u64, Vec<(u64, bool)>),
    Open(Instant),
    Probing(Attempt, Instant),
}

impl Default for State {
    fn default() -> Self {
        Self::Closed(0, Vec::new())
    }
}

impl Circuit {
    /// Checks that nothing is sent while it is open, and only one probe while it is half-open.
    pub(crate) fn started(&mut self, now: Instant, attempt: Attempt, settings: &Settings) -> Result<(), Broken> {
        self.started_before.insert(attempt, self.count);
        self.count += 1;
        if settings.breaker_percent == 0 {
            return Ok(());
        }
        if let State::Open(until) | State::Probing(_, until) = self.state {
            Broken::unless(until <= now, || "asked while its breaker was open".to_owned())?;
            self.state = State::Probing(attempt, now + settings.breaker_open);
        }
        Ok(())
    }

    pub(crate) fn ended(&mut self, now: Instant, attempt: Attempt, failed: bool, settings: &Settings) {
        let started_before = self.started_before.remove(&attempt).unwrap_or_default();
        let (second, open) = (now.as_nanos() / 1_000_000_000, State::Open(now + settings.breaker_open));
        match &mut self.state {
            State::Closed(since, results) if started_before >= *since => {
                results.push((second, failed));
                results.retain(|(of, _)| of + 10 > second);
                let failures = results.iter().filter(|(_, failed)| *failed).count();
                let enough = results.len() >= settings.breaker_minimum as usize;
                if enough && failures * 100 >= results.len() * settings.breaker_percent as usize {
                    self.state = open;
                }
            }
            State::Probing(probe, _) if *probe == attempt => {
                self.state = if failed { open } else { State::Closed(started_before + 1, Vec::new()) };
            }
            State::Closed(..) | State::Open(_) | State::Probing(..) => {}
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        !matches!(self.state, State::Closed(..))
    }
}

/// An upper bound of an adaptive limit: gradient2 while answers are as fast as usual, in windows of a round trip.
pub(crate) struct Limit {
    max: f64,
    /// The first attempt whose result ends the window.
    since: u64,
    count: u64,
    dropped: bool,
    started_before: BTreeMap<Attempt, u64>,
}

impl Default for Limit {
    fn default() -> Self {
        Self { max: 10.0, since: 0, count: 0, dropped: false, started_before: BTreeMap::new() }
    }
}

impl Limit {
    pub(crate) fn started(&mut self, attempt: Attempt) {
        self.started_before.insert(attempt, self.count);
        self.count += 1;
    }

    pub(crate) fn ended(&mut self, attempt: Attempt, dropped: bool) {
        self.dropped |= dropped;
        if self.started_before.remove(&attempt).is_some_and(|made| made >= self.since) {
            self.max = if self.dropped { (self.max * 0.9).max(1.0) } else { self.max + 0.2 * 4.0 };
            (self.since, self.dropped) = (self.count, false);
        }
    }

    /// Checks the number in flight after an attempt was started.
    pub(crate) fn check(&self, in_flight: u32, settings: &Settings) -> Result<(), Broken> {
        let Some(floor) = settings.per_origin_floor else { return Ok(()) };
        let max = self.max.max(f64::from(floor));
        Broken::unless(f64::from(in_flight) <= max, || format!("{in_flight} in flight, {max} allowed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fantail_engine::{Action, Engine, Event, Origins, Policy, Request};

    const fn ms(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    /// Ids of attempts, as an engine assigns them.
    fn attempts(count: u32) -> Vec<Attempt> {
        let policy = Policy { concurrency: Some(count), ..Policy::default() };
        let (mut engine, mut origins): (Engine<()>, _) = (Engine::new(&policy).unwrap(), Origins::default());
        engine.handle(ms(0), Event::Demand, &mut origins);
        let requests = (0..count).map(|id| Request::get(id.into(), "http://origin.test/")).collect();
        engine.handle(ms(0), Event::Read { requests, ended: true }, &mut origins);
        let started = std::iter::from_fn(|| engine.next_action()).filter_map(|action| match action {
            Action::Start { attempt, .. } => Some((0, attempt)),
            _ => None,
        });
        started.collect()
    }

    /// L6, L7: detects attempts beyond a rate.
    #[test]
    fn a_schedule_that_is_too_fast_is_detected() {
        let mut schedule = Schedule::default();
        let mut sent = |at| {
            schedule.add(ms(at));
            schedule.check(ms(at), Duration::ZERO, 10, 2).is_ok()
        };
        assert_eq!([sent(0), sent(0), sent(99)], [true, true, false]);
    }

    /// L9: detects a breaker that is closed by a late result.
    #[test]
    fn an_attempt_beside_the_probe_is_detected() {
        let policy = Policy { breaker_percent: Some(50), breaker_minimum: Some(1), ..Policy::default() };
        let (settings, attempts) = (policy.resolve().unwrap(), attempts(4));
        let mut circuit = Circuit::default();
        assert!(
            circuit.started(ms(0), attempts[0], &settings).is_ok()
                && circuit.started(ms(0), attempts[1], &settings).is_ok()
        );
        circuit.ended(ms(1), attempts[0], true, &settings);
        assert!(circuit.started(ms(5_001), attempts[2], &settings).is_ok(), "the probe");
        circuit.ended(ms(5_002), attempts[1], false, &settings);
        assert!(circuit.started(ms(5_003), attempts[3], &settings).is_err());
    }

    /// L10: detects a limit that grows with each answer.
    #[test]
    fn a_limit_that_grows_too_fast_is_detected() {
        let policy = Policy { per_origin_floor: Some(1), ..Policy::default() };
        let (settings, mut limit) = (policy.resolve().unwrap(), Limit::default());
        let attempts = attempts(20);
        attempts.iter().take(10).for_each(|attempt| limit.started(*attempt));
        attempts.iter().take(10).for_each(|attempt| limit.ended(*attempt, false));
        assert!(limit.check(10, &settings).is_ok() && limit.check(11, &settings).is_err());
    }
}
