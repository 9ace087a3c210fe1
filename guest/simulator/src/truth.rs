//! Rules for single requests: what outcomes must not claim, and what the engine must not omit.

use crate::attempt::{Response, Running};
use crate::broken::Broken;
use fantail_engine::{AttemptId, BodyMode, Cause, Failure, Hedge, Instant, Outcome, Sent, Settings, WINDOW_BYTES};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The facts about requests that outcomes have to report.
#[derive(Default)]
pub(crate) struct Truth {
    /// Requests of which a peer may have seen an attempt.
    possibly_sent: BTreeSet<u64>,
    /// Requests with an answer after which they may be sent again, and have not been.
    answered: BTreeSet<u64>,
    /// Attempts whose heads have arrived.
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

    /// T3 and T4: checks what a failure claims about a request, which may be repeatable or not.
    pub(crate) fn check(
        &self,
        Outcome { id, hops, .. }: &Outcome<Response>,
        failure: &Failure,
        repeatable: bool,
        settings: &Settings,
    ) -> Result<(), Broken> {
        let unsent = failure.sent == Sent::No && self.possibly_sent.contains(id);
        Broken::unless(!unsent, || format!("request {id} was sent, and says that it was not"))?;
        // Also for a request that shares another's answer, of which nothing was sent itself.
        let unanswered = failure.sent != Sent::Yes && !hops.is_empty();
        Broken::unless(!unanswered, || format!("request {id} was redirected, and says that nobody answered it"))?;
        let harmful = failure.retryable && failure.sent != Sent::No && !repeatable;
        Broken::unless(!harmful, || format!("request {id} says that it may be sent again, which may do harm"))?;
        let local_failure =
            matches!(failure.cause, Cause::BreakerOpen | Cause::TimeoutTotal | Cause::Deadline | Cause::Cancelled);
        // The answer may have been dropped for lack of room.
        let lost = local_failure && settings.window_bytes >= WINDOW_BYTES && self.answered.contains(id);
        Broken::unless(!lost, || format!("request {id} had an answer, and fails with {}", failure.cause))
    }

    /// L8: no new request is started while a hedge is due that could be made. Only without other limits.
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

/// Whether only slots and origins limit attempts.
pub(crate) fn is_unlimited(settings: &Settings) -> bool {
    has_only_slots(settings) && settings.retry_per_second >= 10_000
}

/// The same for the first attempt of a request, which needs no retry budget.
pub(crate) fn has_only_slots(settings: &Settings) -> bool {
    let Settings { rate, breaker_percent, per_origin_floor, window_bytes, .. } = *settings;
    window_bytes >= WINDOW_BYTES && rate.is_none() && breaker_percent == 0 && per_origin_floor.is_none()
}
