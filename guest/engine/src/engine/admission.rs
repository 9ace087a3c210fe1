//! Whether an origin may be asked now.

use super::Engine;
use crate::adaptive::Adaptive;
use crate::breaker::Rule;
use crate::event::Key;
use crate::queue::{OriginQueueId, Turn};
use crate::token_bucket::Rate;
use crate::{Cause, Instant, Origins, Settings};
use std::time::Duration;
use url::Url;

/// Whether a request may go to its origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// Now. What that takes of a rate cannot be given back.
    Open,
    /// Its breaker lets nothing through before then.
    Refused(Instant),
    /// The rate lets it go then.
    Paced(Instant),
    /// There is no room to keep what its limits need, before then.
    Full(Instant),
}

/// A request that waits for room asks again after so long at the latest: a breaker may have closed that nobody expected to.
const ASK_AGAIN: Duration = Duration::from_secs(1);

impl<R> Engine<R> {
    /// Whether this request may be sent now.
    pub(super) fn gate(&mut self, now: Instant, key: Key, origins: &mut Origins) -> Admission {
        let settings = &self.settings;
        let Some(live) = self.live.get(key).filter(|_| keeps_limits(settings)) else { return Admission::Open };
        let batch = *self.batch.get_or_insert_with(|| origins.batch());
        let known = match origins.enter(now, &live.url) {
            Ok(known) => known,
            Err(until) => return Admission::Full(until.min(now + ASK_AGAIN)),
        };
        if let Some(next_probe) = Rule::of(settings).and_then(|rule| known.breaker.open_until(now, rule)) {
            return Admission::Refused(next_probe);
        }
        let Some(rate) = settings.rate else { return Admission::Open };
        match known.take(now, batch, Rate { rate, burst: settings.burst }) {
            Ok(()) => Admission::Open,
            Err(until) => Admission::Paced(until),
        }
    }

    /// Ends a request that its origin's breaker does not let through.
    pub(super) fn refuse(&mut self, now: Instant, key: Key, next_probe: Instant) {
        let probe = next_probe.since(now);
        let detail = format!("the origin failed too often and is left alone: next probe in {probe:?}");
        self.end_unsent(now, key, Cause::BreakerOpen, Some(detail));
    }

    /// Puts a request back where it was, its origin to be asked then; or ends it, if it would be too late.
    pub(super) fn pace(&mut self, now: Instant, key: Key, until: Instant, origins: &mut Origins) {
        let Some(live) = self.live.get(key) else { return };
        let too_late = live.expires <= until;
        if too_late || self.batch_expires().is_some_and(|ends| ends <= until) {
            // The time that was booked for it is the next one's, or nobody's.
            if let (Some(batch), Some(known)) = (self.batch, origins.get_mut(&live.url)) {
                known.pace.release(batch);
            }
            let cause = if too_late { Cause::TimeoutTotal } else { Cause::Deadline };
            let wait = until.since(now);
            let detail = format!("the rate lets its origin be asked in {wait:?}, which is too late");
            self.part(key);
            return self.end_unsent(now, key, cause, Some(detail));
        }
        self.put_back(key, until, Turn::First);
    }

    /// Puts a request back where it was, its origin to be asked no earlier than then.
    pub(super) fn put_back(&mut self, key: Key, until: Instant, turn: Turn) {
        let Some(live) = self.live.get(key) else { return };
        self.queue.park(live.lane, until);
        self.enqueue(key, turn);
    }

    /// The lane of an origin, with the limit that was learned for it.
    pub(super) fn lane(&mut self, url: &Url, origins: &Origins) -> OriginQueueId {
        let lane = self.queue.enter(crate::origins::name(url));
        if let Some(bounds) = self.settings.adaptive() {
            let nothing = Adaptive::default();
            self.queue.set_limit(lane, origins.get(url).map_or(&nothing, |known| &known.adaptive).limit(bounds));
        }
        lane
    }

    /// Gives back what was booked, when nothing waits any more.
    pub(super) fn leave_origins(&mut self, origins: &mut Origins) {
        if let Some(batch) = self.batch.take_if(|_| self.live.len() == 0) {
            origins.leave(batch);
        }
    }
}

/// Whether a batch keeps limits that do not hold without what is known of an origin. What repeats attempts does not: where nothing
/// can be known, nothing is repeated.
fn keeps_limits(settings: &Settings) -> bool {
    settings.rate.is_some() || settings.breaker_percent > 0 || settings.adaptive().is_some()
}
