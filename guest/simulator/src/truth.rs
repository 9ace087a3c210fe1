//! What outcomes must not say, and what must not be left undone: rules of single requests.

use crate::attempt::{Response, Running};
use crate::broken::Broken;
use fantail_engine::{AttemptId, BodyMode, Cause, Failure, Hedge, Instant, Outcome, Sent, Settings, WINDOW_BYTES};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What has become of requests, as far as outcomes have to tell.
#[derive(Default)]
pub(crate) struct Truth {
    /// Those of which a peer may have seen an attempt.
    possibly_sent: BTreeSet<u64>,
    /// Those that have an answer after which they may be sent again, and have not been.
    answered: BTreeSet<u64>,
    /// Attempts whose heads have come.
    heads: BTreeSet<AttemptId>,
}

/// Statuses after which a request may be sent again.
const RETRYABLE_STATUSES: [u16; 6] = [408, 429, 500, 502, 503, 504];

impl Truth {
    pub(crate) fn head(&mut self, attempt: AttemptId) {
        self.heads.insert(attempt);
    }

    /// A peer may have seen an attempt of this request.
    pub(crate) fn mark_possibly_sent(&mut self, id: u64) {
        self.possibly_sent.insert(id);
    }

    pub(crate) fn ended(&mut self, attempt: AttemptId, status: u16, running: &BTreeMap<AttemptId, Running>) {
        let Some(Running { id, body, .. }) = running.get(&attempt) else { return };
        let alone = running.iter().all(|(other, running)| *other == attempt || running.id != *id);
        if alone && RETRYABLE_STATUSES.contains(&status) && *body != BodyMode::Unread {
            self.answered.insert(*id);
        }
    }

    pub(crate) fn started(&mut self, id: u64) {
        self.answered.remove(&id);
    }

    /// T3 and T4: what a failure says of a request, which may be sent twice without harm or not.
    pub(crate) fn check(
        &self,
        Outcome { id, hops, .. }: &Outcome<Response>,
        failure: &Failure,
        repeatable: bool,
        settings: &Settings,
    ) -> Result<(), Broken> {
        let unsent = failure.sent == Sent::No && self.possibly_sent.contains(id);
        Broken::unless(!unsent, || format!("request {id} was sent, and says that it was not"))?;
        // Also of one that shares what another got, of which nothing was sent itself.
        let unanswered = failure.sent != Sent::Yes && !hops.is_empty();
        Broken::unless(!unanswered, || format!("request {id} was redirected, and says that nobody answered it"))?;
        let harmful = failure.retryable && failure.sent != Sent::No && !repeatable;
        Broken::unless(!harmful, || format!("request {id} says that it may be sent again, which may do harm"))?;
        let local_failure =
            matches!(failure.cause, Cause::BreakerOpen | Cause::TimeoutTotal | Cause::Deadline | Cause::Cancelled);
        // Without room it may have been dropped.
        let lost = local_failure && settings.window_bytes >= WINDOW_BYTES && self.answered.contains(id);
        Broken::unless(!lost, || format!("request {id} had an answer, and fails with {}", failure.cause))
    }

    /// L8: nothing new is started while a second attempt is due that could be made. Only where no limit is in its way.
    pub(crate) fn check_turn(
        &self,
        now: Instant,
        running: &BTreeMap<AttemptId, Running>,
        settings: &Settings,
        may_hedge: impl Fn(AttemptId, u64) -> bool,
    ) -> Result<(), Broken> {
        const LATE: Duration = Duration::from_millis(5);
        let Some(Hedge::After(delay)) = settings.hedge.filter(|_| is_unlimited(settings)) else { return Ok(()) };
        for (attempt, one) in running {
            let alone = running.values().filter(|other| other.id == one.id).count() == 1;
            let at_origin = running.values().filter(|other| other.origin == one.origin).count();
            let due = alone
                && one.started + delay + LATE < now
                && one.body != BodyMode::Unread
                && !self.heads.contains(attempt)
                && at_origin < settings.per_origin as usize
                && may_hedge(*attempt, one.id);
            Broken::unless(!due, || format!("request {} waits for its second attempt, and another begins", one.id))?;
        }
        Ok(())
    }
}

/// Whether nothing but slots and origins keeps an attempt from being made.
pub(crate) fn is_unlimited(settings: &Settings) -> bool {
    has_only_slots(settings) && settings.retry_per_second >= 10_000
}

/// The same of the first attempt of a request, which nothing has to be left over for.
pub(crate) fn has_only_slots(settings: &Settings) -> bool {
    let Settings { rate, breaker_percent, per_origin_floor, window_bytes, .. } = *settings;
    window_bytes >= WINDOW_BYTES && rate.is_none() && breaker_percent == 0 && per_origin_floor.is_none()
}
