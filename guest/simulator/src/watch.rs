//! What must hold for each origin across batches: rates, retry budgets, breakers and adaptive limits, by the policy of
//! each batch over the attempts of all. Checked with every attempt.

use crate::batch::{Kind, OriginEvent};
use crate::broken::Broken;
use crate::models::{Circuit, Limit, Schedule};
use crate::scenario::Scenario;
use fantail_engine::{Instant, Order, Settings};
use std::collections::BTreeMap;
use std::time::Duration;

/// How late an attempt may be and still count as made in time, as the interface documents for `set-rate`.
const CATCH_UP: Duration = Duration::from_millis(100);

/// All origins, and the policies of all batches.
pub(crate) struct Watch {
    policies: Vec<Settings>,
    /// All origins can be known at once.
    all_known: bool,
    /// Only rates delay attempts.
    paced: bool,
    /// How late the first attempt allowed by a rate may be: as late as a timer, or as an instance catches up.
    late: Duration,
    origins: BTreeMap<usize, Origin>,
}

/// What was observed at one origin.
#[derive(Default)]
struct Origin {
    /// By rate and burst.
    schedules: BTreeMap<(u32, u32), Schedule>,
    all: Schedule,
    /// By batch: first attempts, other attempts, and when the last one was made.
    sent: BTreeMap<usize, (u64, u64, Instant)>,
    /// Repeated attempts that may not have been charged to a budget.
    unbudgeted: u64,
    results: u64,
    circuit: Circuit,
    limit: Limit,
    /// It is not visible outside how the engine counted some result.
    ambiguous: bool,
}

impl Watch {
    pub(crate) fn new(scenario: &Scenario) -> Result<Self, Broken> {
        let resolve =
            |batch| scenario.policy_of(batch).resolve().map_err(|error| Broken(format!("the policy: {error}")));
        Ok(Self {
            policies: (0..scenario.batches.len()).map(resolve).collect::<Result<_, _>>()?,
            all_known: scenario.origins() <= scenario.capacity,
            paced: scenario.paced,
            late: if scenario.paced { scenario.lateness } else { CATCH_UP },
            origins: BTreeMap::new(),
        })
    }

    /// Checks an event between a batch and an origin.
    pub(crate) fn observe(
        &mut self,
        now: Instant,
        batch: usize,
        OriginEvent { origin: number, kind }: OriginEvent,
    ) -> Result<(), Broken> {
        let Self { policies, all_known, origins, late, .. } = self;
        let Some(settings) = policies.get(batch) else { return Ok(()) };
        let origin = origins.entry(number).or_default();
        // The breaker model needs one rule for all batches, the limit model a single batch.
        let rule = |settings: &Settings| (settings.breaker_percent, settings.breaker_minimum, settings.breaker_open);
        let one_rule = *all_known && policies.iter().all(|other| rule(other) == rule(settings)) && !origin.ambiguous;
        let one_batch = *all_known && policies.len() == 1 && !origin.ambiguous;
        let with_context = |broken: Broken| Broken(format!("origin {number}, batch {batch}: {}", broken.0));
        match kind {
            Kind::Started { attempt, in_flight, first } => {
                origin.count(now, batch, first);
                origin.check_rate(now, *late, settings, policies).map_err(with_context)?;
                origin.check_budget(now, batch, policies).map_err(with_context)?;
                if one_rule {
                    origin.circuit.started(now, (batch, attempt), settings).map_err(with_context)?;
                }
                origin.limit.started((batch, attempt));
                if one_batch {
                    origin.limit.check(in_flight, settings).map_err(with_context)?;
                }
            }
            Kind::Ended { attempt, status } => {
                let failed = status.is_none_or(|status| status >= 500);
                origin.results += 1;
                origin.circuit.ended(now, (batch, attempt), failed, settings);
                origin.limit.ended((batch, attempt), failed || status == Some(429));
            }
            Kind::Ambiguous { broken } => {
                origin.results += 1;
                origin.unbudgeted += u64::from(broken);
                origin.ambiguous = true;
            }
            Kind::RejectedByBreaker => {
                let enough = origin.results >= u64::from(settings.breaker_minimum);
                let open = !one_rule || settings.order == Order::Input || origin.circuit.is_open();
                Broken::unless(enough && open, || "its breaker had no reason to be open".to_owned())
                    .map_err(with_context)?;
            }
        }
        Ok(())
    }

    /// Checks the end of a run: if nothing else delays it, a batch sends what its rate allows.
    pub(crate) fn check_end(&self) -> Result<(), Broken> {
        if !self.paced || !self.all_known {
            return Ok(());
        }
        for (number, origin) in &self.origins {
            for (batch, (sent, _, last)) in &origin.sent {
                let Some(Settings { rate: Some(rate), burst, .. }) = self.policies.get(*batch).copied() else {
                    continue;
                };
                let interval = Duration::from_secs(1) / rate;
                // Among other batches it may have to wait for an attempt of each before each of its own, but not for
                // their bursts.
                let batches = u32::try_from(self.policies.len()).unwrap_or(u32::MAX);
                let attempts = u32::try_from(*sent).unwrap_or(u32::MAX);
                let waits = if batches == 1 { attempts.saturating_sub(burst) } else { (attempts + 1) * (batches + 1) };
                let max = interval * waits + self.late * 2 + Duration::from_millis(30);
                let took = last.since(origin.all.first());
                Broken::unless(took <= max, || {
                    format!(
                        "origin {number}, batch {batch}: {sent} attempts at {rate} a second took {took:?}, not {max:?}"
                    )
                })?;
            }
        }
        Ok(())
    }
}

impl Origin {
    fn count(&mut self, now: Instant, batch: usize, first: bool) {
        let (firsts, others, last) = self.sent.entry(batch).or_default();
        *firsts += u64::from(first);
        *others += u64::from(!first);
        *last = now;
        self.all.add(now);
    }

    /// Batches with the same rate keep it together. All batches keep the largest rate, plus their bursts.
    fn check_rate(
        &mut self,
        now: Instant,
        late: Duration,
        settings: &Settings,
        policies: &[Settings],
    ) -> Result<(), Broken> {
        if let Some(rate) = settings.rate {
            let schedule = self.schedules.entry((rate, settings.burst)).or_default();
            schedule.add(now);
            schedule.check(now, late, rate, u64::from(settings.burst))?;
        }
        let rates: Option<Vec<u32>> = policies.iter().map(|policy| policy.rate).collect();
        match rates.and_then(|rates| rates.into_iter().max()) {
            Some(max) => {
                self.all.check(now, late, max, policies.iter().map(|policy| u64::from(policy.burst) + 1).sum())
            }
            None => Ok(()),
        }
    }

    /// A batch's repeated attempts are within its own budget over what all have sent.
    fn check_budget(&self, now: Instant, batch: usize, policies: &[Settings]) -> Result<(), Broken> {
        let Some(settings) = policies.get(batch) else { return Ok(()) };
        // Attempts after a redirect are not repeats.
        if policies.iter().any(|policy| policy.redirects > 0) {
            return Ok(());
        }
        let first: u64 = self.sent.values().map(|(first, ..)| first).sum();
        let repeated = self.sent.get(&batch).map_or(0, |(_, others, _)| *others);
        let windows = now.as_nanos() / 10_000_000_000 + 1;
        let floor = u64::from(settings.retry_per_second) * 10 * windows;
        let max = first * u64::from(settings.retry_percent) / 100 + floor + self.unbudgeted;
        Broken::unless(repeated <= max, || format!("{repeated} attempts out of a budget of {max}"))
    }
}
