//! What is known about origins, across the batches of an instance.

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

/// What is known about origins. The shell owns one and lends it to each of its engines, so that they share what they
/// have learned.
///
/// It holds facts: what was sent, with which result, and how long it took. Each batch's policy decides what follows
/// from them. An origin with a limit in force (a rate, counted retries, an open breaker) is not forgotten: while there
/// are [`Origins::MAX`] of these, batches with a limit to keep wait before they send to another origin.
///
/// One takes some 1.2 KiB with its name, and at most 5 KiB where many policies meet at it: 1.2 MiB in all, and at most
/// 5 MiB.
#[derive(Debug)]
pub struct Origins {
    /// By scheme, host and port (RFC 6454, section 6.2).
    by_name: BTreeMap<String, KnownOrigin>,
    capacity: usize,
    /// No origin can be forgotten before then, unless a breaker closes.
    full_until: Instant,
    /// The serial of the next attempt.
    next_attempt: AttemptSerial,
    batches: BatchId,
}

/// What is known about one origin.
#[derive(Debug, Default)]
pub(crate) struct KnownOrigin {
    used: Instant,
    sent: SlidingWindow<Sent>,
    pub(crate) token_bucket: TokenBucket,
    pub(crate) breaker: Breaker,
    pub(crate) adaptive: Adaptive,
    pub(crate) latency: LatencyEstimate,
    pub(crate) idle_connections: IdleConnections,
}

impl Default for Origins {
    fn default() -> Self {
        Self::with_capacity(Self::MAX)
    }
}

impl Origins {
    /// Origins known at most. When another is needed, the least recently used are forgotten, up to half of all.
    pub const MAX: usize = 1_024;

    /// Keeps at most this many origins, at least one.
    pub fn with_capacity(capacity: usize) -> Self {
        let (full_until, next_attempt, batches) = Default::default();
        Self { by_name: BTreeMap::new(), capacity: capacity.max(1), full_until, next_attempt, batches }
    }

    /// What is known about the origin of this URL, if anything.
    pub(crate) fn get(&self, url: &Url) -> Option<&KnownOrigin> {
        self.by_name.get(name(url))
    }

    pub(crate) fn get_mut(&mut self, url: &Url) -> Option<&mut KnownOrigin> {
        self.by_name.get_mut(name(url))
    }

    /// The origin of this URL, marked as used now; if it is unknown and there is no room for it, when to try again.
    pub(crate) fn enter(&mut self, now: Instant, url: &Url) -> Result<&mut KnownOrigin, Instant> {
        let name = name(url);
        if !self.by_name.contains_key(name) && self.by_name.len() >= self.capacity {
            self.make_room(now)?;
        }
        // Looked up first, because it is known most of the time and its name need not be allocated.
        if !self.by_name.contains_key(name) {
            self.by_name.insert(name.to_owned(), KnownOrigin::default());
        }
        let known = self.by_name.get_mut(name).ok_or(now)?;
        known.used = now;
        Ok(known)
    }

    /// Records an attempt that starts now, whether the first of its request or not. Returns its serial, and whether it
    /// may use an idle connection.
    pub(crate) fn admit(&mut self, now: Instant, url: &Url, first: bool, settings: &Settings) -> (AttemptSerial, bool) {
        let attempt = self.next_attempt;
        self.next_attempt = attempt.next();
        // An origin that there is no room for has no limits to keep: see `Engine::admission`.
        let Ok(known) = self.enter(now, url) else { return (attempt, false) };
        known.sent.add(now, Sent { all: 1, first: u32::from(first), repeated: 0 });
        if settings.rate.is_none() {
            known.token_bucket.charge(now, now);
        }
        if let Some(rule) = Rule::of(settings) {
            known.breaker.admit(now, attempt, rule);
        }
        (attempt, known.idle_connections.take())
    }

    /// The attempt that will be made next.
    pub(crate) fn next_attempt(&self) -> AttemptSerial {
        self.next_attempt
    }

    /// A new id for a batch.
    pub(crate) fn batch(&mut self) -> BatchId {
        self.batches.0 += 1;
        self.batches
    }

    /// Releases the reservations of a batch.
    pub(crate) fn release_reservations(&mut self, batch: BatchId) {
        self.by_name.values_mut().for_each(|known| known.token_bucket.release(batch));
    }

    /// Whether the origin's retry budget allows a retry or a hedge. False for an origin that there is no room for.
    pub(crate) fn may_repeat(&mut self, now: Instant, url: &Url, settings: &Settings) -> bool {
        self.enter(now, url).is_ok_and(|known| known.may_repeat(now, settings))
    }

    /// Charges the retry budget, if it allows another.
    pub(crate) fn repeat(&mut self, now: Instant, url: &Url, settings: &Settings) -> bool {
        self.enter(now, url).is_ok_and(|known| {
            let granted = known.may_repeat(now, settings);
            known.sent.add(now, Sent { repeated: u32::from(granted), ..Sent::default() });
            granted
        })
    }

    /// Records an attempt's result for the breakers.
    pub(crate) fn record(&mut self, now: Instant, url: &Url, attempt: AttemptSerial, failed: bool) {
        if self.get_mut(url).is_some_and(|known| known.breaker.record(now, attempt, failed)) {
            self.full_until = Instant::default();
        }
    }

    /// Forgets the least recently used origins; if none may be forgotten, returns when one may.
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
        let mut excess = forgettable.len().min(self.capacity.div_ceil(2));
        if let (0, Some(next)) = (excess, next) {
            self.full_until = next;
            return Err(next);
        }
        let newest = forgettable.get(excess.saturating_sub(1)).copied().unwrap_or_default();
        // Of those used at the same moment, no more than needed.
        self.by_name.retain(|_, known| {
            let forgotten = known.used <= newest && excess > 0 && known.limited_until() <= now;
            excess -= usize::from(forgotten);
            !forgotten
        });
        Ok(())
    }
}

impl KnownOrigin {
    /// Takes a token for an attempt of this batch, or returns when there will be one.
    pub(crate) fn take(&mut self, now: Instant, batch: BatchId, rate: Rate) -> Result<(), Instant> {
        self.token_bucket.take(now, batch, rate, &self.sent)
    }

    fn may_repeat(&self, now: Instant, Settings { retry_percent, retry_per_second, .. }: &Settings) -> bool {
        budget::allows_retry(&self.sent, now, *retry_percent, *retry_per_second)
    }

    /// Until when a limit is in force that could not be kept if this origin were forgotten.
    fn limited_until(&self) -> Instant {
        let repeated = self.sent.forgotten_at(|sent| sent.repeated > 0);
        self.token_bucket.full_at().max(self.breaker.latest_open_until()).max(repeated)
    }
}

impl AttemptSerial {
    /// The serial after this one.
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
    fn the_least_recently_used_origins_are_forgotten_first() {
        let mut origins = Origins::default();
        for host in 0..10 * Origins::MAX {
            origins.enter(at(host as u64), &url(host)).unwrap();
            // This one is used all the time.
            origins.enter(at(host as u64), &url(0)).unwrap();
            assert!(origins.by_name.len() <= Origins::MAX);
        }
        assert!(origins.by_name.contains_key("http://host-0.test"));
        assert!(origins.by_name.contains_key(&format!("http://host-{}.test", 10 * Origins::MAX - 1)));
        assert!(!origins.by_name.contains_key("http://host-1.test"));
    }

    #[test]
    fn an_origin_takes_no_more_memory_than_documented() {
        assert!(size_of::<KnownOrigin>() <= 1_024, "{}", size_of::<KnownOrigin>());
        let max_bytes = size_of::<KnownOrigin>() + crate::breaker::MAX_BYTES + crate::token_bucket::MAX_BYTES;
        assert!(max_bytes <= 5 * 1_024 - 300, "{max_bytes}");
    }

    #[test]
    fn another_scheme_or_port_is_another_origin() {
        let mut origins = Origins::default();
        for url in ["http://a.test/x", "http://A.test:80/y", "https://a.test/", "http://a.test:81/"] {
            origins.enter(at(0), &Url::parse(url).unwrap()).unwrap();
        }
        assert_eq!(origins.by_name.len(), 3);
    }

    /// L6: no origin is forgotten while its state keeps a limit, and the error says when there will be room.
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
