//! What is known of origins, across the batches of an instance.

use crate::adaptive::Adaptive;
use crate::attempt_serial::{AttemptSerial, BatchId};
use crate::breaker::{Breaker, Rule};
use crate::idle_connections::IdleConnections;
use crate::latency_estimate::LatencyEstimate;
use crate::sliding_window::{Sent, SlidingWindow};
use crate::token_bucket::{Rate, TokenBucket};
use crate::{Instant, Settings, budget};
use std::collections::{BTreeMap, BinaryHeap};
use url::{Position, Url};

/// What is known of origins. The shell owns one and lends it to each of its engines, so that they share what they have learned.
///
/// It holds facts: what was sent, what became of it, how long it took. What follows from them for a batch, the batch's own policy says.
/// An origin at which a limit is in force (a rate to be kept, retries to be counted, a breaker that is open) is not forgotten: while
/// there are [`Origins::MOST`] of these, batches with a limit to keep wait before they ask another.
///
/// One takes some 1.2 KiB with its name, and at most 5 KiB where many policies meet at it: 1.2 MiB in all, and at most 5 MiB.
#[derive(Debug)]
pub struct Origins {
    /// By scheme, host and port (RFC 6454, section 6.2).
    by_name: BTreeMap<String, Known>,
    most: usize,
    /// There is no room before then, unless a breaker closes.
    full_until: Instant,
    /// The next attempt's.
    admitted: AttemptSerial,
    batches: BatchId,
}

/// What is known of one origin.
#[derive(Debug, Default)]
pub(crate) struct Known {
    used: Instant,
    sent: SlidingWindow<Sent>,
    pub(crate) pace: TokenBucket,
    pub(crate) breaker: Breaker,
    pub(crate) adaptive: Adaptive,
    pub(crate) slowness: LatencyEstimate,
    pub(crate) kept: IdleConnections,
}

impl Default for Origins {
    fn default() -> Self {
        Self::with_capacity(Self::MOST)
    }
}

impl Origins {
    /// How many are known at most. With one more, those that were used longest ago are forgotten, up to half of all.
    pub const MOST: usize = 1_024;

    /// The same for at most so many, at least one.
    pub fn with_capacity(most: usize) -> Self {
        let (full_until, admitted, batches) = Default::default();
        Self { by_name: BTreeMap::new(), most: most.max(1), full_until, admitted, batches }
    }

    /// What is known of the origin of this URL, if anything is.
    pub(crate) fn get(&self, url: &Url) -> Option<&Known> {
        self.by_name.get(name(url))
    }

    pub(crate) fn get_mut(&mut self, url: &Url) -> Option<&mut Known> {
        self.by_name.get_mut(name(url))
    }

    /// The origin of this URL, which is used now; if it was not known, and cannot be, when it is worth while to ask again.
    pub(crate) fn enter(&mut self, now: Instant, url: &Url) -> Result<&mut Known, Instant> {
        let name = name(url);
        if !self.by_name.contains_key(name) && self.by_name.len() >= self.most {
            self.make_room(now)?;
        }
        // Looked up before it is written down: it is known most of the time.
        if !self.by_name.contains_key(name) {
            self.by_name.insert(name.to_owned(), Known::default());
        }
        let known = self.by_name.get_mut(name).ok_or(now)?;
        known.used = now;
        Ok(known)
    }

    /// Notes an attempt that is made now, the first of its request or not. Whether it may be over a kept connection.
    pub(crate) fn admit(&mut self, now: Instant, url: &Url, first: bool, settings: &Settings) -> (AttemptSerial, bool) {
        let attempt = self.admitted;
        self.admitted = attempt.next();
        // One that there is no room for keeps no limit that would need it: see the gate.
        let Ok(known) = self.enter(now, url) else { return (attempt, false) };
        known.sent.add(now, Sent { all: 1, first: u32::from(first), repeated: 0 });
        if settings.rate.is_none() {
            known.pace.charge(now, now);
        }
        if let Some(rule) = Rule::of(settings) {
            known.breaker.admit(now, attempt, rule);
        }
        (attempt, known.kept.take())
    }

    /// The attempt that will be made next.
    pub(crate) fn next_attempt(&self) -> AttemptSerial {
        self.admitted
    }

    /// A name for a batch.
    pub(crate) fn batch(&mut self) -> BatchId {
        self.batches.0 += 1;
        self.batches
    }

    /// Gives back what a batch has booked.
    pub(crate) fn leave(&mut self, batch: BatchId) {
        self.by_name.values_mut().for_each(|known| known.pace.release(batch));
    }

    /// Whether there is an attempt in the origin's budget that repeats another. None in that of one that cannot be known.
    pub(crate) fn may_repeat(&mut self, now: Instant, url: &Url, settings: &Settings) -> bool {
        self.enter(now, url).is_ok_and(|known| known.may_repeat(now, settings))
    }

    /// Takes one out, if there is one.
    pub(crate) fn repeat(&mut self, now: Instant, url: &Url, settings: &Settings) -> bool {
        self.enter(now, url).is_ok_and(|known| {
            let granted = known.may_repeat(now, settings);
            known.sent.add(now, Sent { repeated: u32::from(granted), ..Sent::default() });
            granted
        })
    }

    /// Takes in what became of an attempt for the breakers.
    pub(crate) fn record(&mut self, now: Instant, url: &Url, attempt: AttemptSerial, failed: bool) {
        if self.get_mut(url).is_some_and(|known| known.breaker.record(now, attempt, failed)) {
            self.full_until = Instant::default();
        }
    }

    /// Forgets what was used longest ago; if nothing may be forgotten, says when something may.
    fn make_room(&mut self, now: Instant) -> Result<(), Instant> {
        if now < self.full_until {
            return Err(self.full_until);
        }
        let (mut forgettable, mut next) = (BinaryHeap::new(), None::<Instant>);
        for known in self.by_name.values() {
            match known.limited_until() {
                until if until <= now => forgettable.push(known.used),
                until => next = Some(next.map_or(until, |next| next.min(until))),
            }
        }
        let forgettable = forgettable.into_sorted_vec();
        let mut excess = forgettable.len().min(self.most.div_ceil(2));
        if let (0, Some(next)) = (excess, next) {
            self.full_until = next;
            return Err(next);
        }
        let newest = forgettable.get(excess.saturating_sub(1)).copied().unwrap_or_default();
        // Of those used at the same moment as many as it takes.
        self.by_name.retain(|_, known| {
            let forgotten = known.used <= newest && excess > 0 && known.limited_until() <= now;
            excess -= usize::from(forgotten);
            !forgotten
        });
        Ok(())
    }
}

impl Known {
    /// What it takes to let an attempt of this batch go by its rate, or when it may.
    pub(crate) fn take(&mut self, now: Instant, batch: BatchId, rate: Rate) -> Result<(), Instant> {
        self.pace.take(now, batch, rate, &self.sent)
    }

    fn may_repeat(&self, now: Instant, Settings { retry_percent, retry_per_second, .. }: &Settings) -> bool {
        budget::has_one(&self.sent, now, *retry_percent, *retry_per_second)
    }

    /// Until when a limit is in force that would not hold without what is known.
    fn limited_until(&self) -> Instant {
        let repeated = self.sent.forgotten_at(|sent| sent.repeated > 0);
        self.pace.full_at().max(self.breaker.open_at_most_until()).max(repeated)
    }
}

impl AttemptSerial {
    /// The one after it.
    pub(crate) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

#[cfg(test)]
impl BatchId {
    pub(crate) const fn new(number: u64) -> Self {
        Self(number)
    }
}

/// An origin as a URL names it: scheme, host, and port unless it is the scheme's own (RFC 6454, section 6.2).
pub(crate) fn name(url: &Url) -> &str {
    &url[..Position::BeforePath]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;

    const fn at(nanos: u64) -> Instant {
        Instant::from_nanos(nanos)
    }

    fn url(host: usize) -> Url {
        Url::parse(&format!("http://host-{host}.test/")).unwrap()
    }

    #[test]
    fn origins_used_longest_ago_are_forgotten_first() {
        let mut origins = Origins::default();
        for host in 0..10 * Origins::MOST {
            origins.enter(at(host as u64), &url(host)).unwrap();
            // This one is used all the time.
            origins.enter(at(host as u64), &url(0)).unwrap();
            assert!(origins.by_name.len() <= Origins::MOST);
        }
        assert!(origins.by_name.contains_key("http://host-0.test"));
        assert!(origins.by_name.contains_key(&format!("http://host-{}.test", 10 * Origins::MOST - 1)));
        assert!(!origins.by_name.contains_key("http://host-1.test"));
    }

    #[test]
    fn one_takes_no_more_memory_than_documented() {
        assert!(size_of::<Known>() <= 1_024, "{}", size_of::<Known>());
        let most = size_of::<Known>() + crate::breaker::MOST_BYTES + crate::token_bucket::MOST_BYTES;
        assert!(most <= 5 * 1_024 - 300, "{most}");
    }

    #[test]
    fn scheme_and_port_make_another_origin() {
        let mut origins = Origins::default();
        for url in ["http://a.test/x", "http://A.test:80/y", "https://a.test/", "http://a.test:81/"] {
            origins.enter(at(0), &Url::parse(url).unwrap()).unwrap();
        }
        assert_eq!(origins.by_name.len(), 3);
    }

    /// L6: none is forgotten while what is known of it keeps a limit, and it is said when there is room.
    #[test]
    fn an_origin_with_a_limit_in_force_is_not_forgotten() {
        let settings = Policy { breaker_percent: Some(1), breaker_minimum: Some(1), ..Policy::default() };
        let (settings, second) = (settings.resolve().unwrap(), 1_000_000_000);
        let limits: [fn(&mut Origins, &Url, &Settings); 3] = [
            |origins, url, _| {
                let batch = origins.batch();
                origins.enter(at(0), url).unwrap().take(at(0), batch, Rate { rate: 1, burst: 1 }).unwrap();
            },
            |origins, url, settings| assert!(origins.repeat(at(0), url, settings)),
            |origins, url, settings| {
                origins.admit(at(0), url, true, settings);
                origins.enter(at(0), url).unwrap().breaker.open_until(at(0), Rule::of(settings).unwrap());
                origins.record(at(0), url, AttemptSerial::default(), true);
            },
        ];
        for (limit, over) in limits.into_iter().zip([1, 10, 5]) {
            let mut origins = Origins::with_capacity(2);
            limit(&mut origins, &url(0), &settings);
            for host in 1..10 {
                origins.enter(at(second / 2), &url(host)).unwrap();
                assert!(origins.get(&url(0)).is_some(), "until {over}");
            }
            limit(&mut origins, &url(9), &settings);
            assert_eq!(origins.enter(at(second / 2), &url(10)).err(), Some(at(over * second)));
            assert!(origins.enter(at(over * second), &url(10)).is_ok(), "until {over}");
        }
    }

    #[test]
    fn a_breaker_that_closes_makes_room_at_once() {
        let policy = Policy { breaker_percent: Some(1), breaker_minimum: Some(1), ..Policy::default() };
        let (settings, mut origins) = (policy.resolve().unwrap(), Origins::with_capacity(1));
        let (rule, later) = (Rule::of(&settings).unwrap(), at(6_000_000_000));
        origins.enter(at(0), &url(0)).unwrap().breaker.open_until(at(0), rule);
        let (attempt, _) = origins.admit(at(0), &url(0), true, &settings);
        origins.record(at(0), &url(0), attempt, true);
        let (probe, _) = origins.admit(later, &url(0), true, &settings);
        assert!(origins.enter(later, &url(1)).is_err());
        origins.record(later, &url(0), probe, false);
        assert!(origins.enter(later, &url(1)).is_ok());
    }
}
