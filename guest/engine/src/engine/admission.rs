//! Whether a request may be sent to its origin now.

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
    /// Now. A token that this took cannot be given back.
    Open,
    /// Its breaker is open until then.
    Refused(Instant),
    /// The rate allows it at that time.
    Paced(Instant),
    /// No room to keep the state of another limited origin before then.
    Full(Instant),
}

/// A request that waits for room tries again after this long at the latest: a breaker may have closed earlier than
/// expected.
const ASK_AGAIN: Duration = Duration::from_secs(1);

impl<R> Engine<R> {
    /// Decides whether this request may be sent now.
    pub(super) fn admission(&mut self, now: Instant, key: Key, origins: &mut Origins) -> Admission {
        let settings = &self.settings;
        let Some(pending) = self.pending.get(key).filter(|_| needs_origin_state(settings)) else {
            return Admission::Open;
        };
        let batch = *self.batch.get_or_insert_with(|| origins.batch());
        let known = match origins.enter(now, &pending.url) {
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

    /// Ends a request that its origin's open breaker rejects.
    pub(super) fn reject_by_breaker(&mut self, now: Instant, key: Key, next_probe: Instant) {
        let probe = next_probe.since(now);
        let detail = format!("the origin failed too often: next probe in {probe:?}");
        self.end_unsent(now, key, Cause::BreakerOpen, Some(detail));
    }

    /// Requeues a request until its rate allows it, or ends it if that would be too late.
    pub(super) fn delay(&mut self, now: Instant, key: Key, until: Instant, origins: &mut Origins) {
        let Some(pending) = self.pending.get(key) else { return };
        let too_late = pending.expires <= until;
        if too_late || self.batch_expires().is_some_and(|ends| ends <= until) {
            // The time that was reserved for it goes to the next request, if there is one.
            if let (Some(batch), Some(known)) = (self.batch, origins.get_mut(&pending.url)) {
                known.token_bucket.release(batch);
            }
            let cause = if too_late { Cause::TimeoutTotal } else { Cause::Deadline };
            let wait = until.since(now);
            let detail = format!("the rate limit allows the next attempt in {wait:?}, which is too late");
            self.disband_group(key);
            return self.end_unsent(now, key, cause, Some(detail));
        }
        self.requeue(key, until, Turn::First);
    }

    /// Puts a request back where it was, and starts nothing to its origin before then.
    pub(super) fn requeue(&mut self, key: Key, until: Instant, turn: Turn) {
        let Some(pending) = self.pending.get(key) else { return };
        self.queue.park(pending.origin, until);
        self.enqueue(key, turn);
    }

    /// Enters a request into its origin's queue, with the concurrency limit that was learned for the origin.
    pub(super) fn enter_origin_queue(&mut self, url: &Url, origins: &Origins) -> OriginQueueId {
        let origin = self.queue.enter(crate::origins::name(url));
        if let Some(bounds) = self.settings.adaptive() {
            let nothing = Adaptive::default();
            self.queue.set_limit(origin, origins.get(url).map_or(&nothing, |known| &known.adaptive).limit(bounds));
        }
        origin
    }

    /// Releases the batch's reservations when no request is left.
    pub(super) fn release_reservations(&mut self, origins: &mut Origins) {
        if let Some(batch) = self.batch.take_if(|_| self.pending.len() == 0) {
            origins.release_reservations(batch);
        }
    }
}

/// Whether a batch has limits that cannot be kept without the state of an origin. Retries do not count: without that
/// state, nothing is repeated.
fn needs_origin_state(settings: &Settings) -> bool {
    settings.rate.is_some() || settings.breaker_percent > 0 || settings.adaptive().is_some()
}
