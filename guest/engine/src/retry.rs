//! Whether a request is sent again, and when.

use crate::origins::Origins;
use crate::pending::Pending;
use crate::random::Random;
use crate::state::Attempt;
use crate::{Cause, Failure, Instant, Settings};
use std::time::Duration;

/// Statuses after which another attempt may succeed (RFC 9110, sections 15.5.9 and 15.6; RFC 6585, section 4).
const STATUSES: [u16; 6] = [408, 429, 500, 502, 503, 504];

/// Whether a request is sent again.
pub(crate) enum RetryDecision {
    /// At this time.
    At(Instant),
    /// It would be, but its timeout comes first.
    OutOfTime,
    No,
}

/// Decides whether a request whose attempt has ended is sent again. `failure` is none for a response; `ends` is when
/// the batch's deadline is. Charges the origin's retry budget only if everything else allows a retry.
pub(crate) fn decide<R>(
    now: Instant,
    pending: &Pending<R>,
    failure: Option<&Failure>,
    ends: Option<Instant>,
    settings: &Settings,
    origins: &mut Origins,
    random: &mut Random,
) -> RetryDecision {
    let may_help = match failure {
        Some(failure) => {
            failure.retryable && !matches!(failure.cause, Cause::TimeoutTotal | Cause::Deadline | Cause::Cancelled)
        }
        None => pending.request.is_repeatable() && is_retryable_status(pending.status()),
    };
    if !may_help || pending.history.retries >= settings.retries {
        return RetryDecision::No;
    }
    let asked = pending.attempt().and_then(|attempt| attempt.head.as_ref()?.retry_after);
    let at = now + asked.unwrap_or_else(|| back_off(pending.history.retries, settings, random));
    // Waiting for a retry that cannot start in time would only delay the outcome.
    if at >= pending.expires {
        return RetryDecision::OutOfTime;
    }
    let granted = ends.is_none_or(|ends| at < ends) && origins.repeat(now, &pending.url, settings);
    if granted { RetryDecision::At(at) } else { RetryDecision::No }
}

/// Whether an attempt failed because the connection it was sent over had been closed in the meantime (RFC 9112, section
/// 9.3.1). It is then repeated at once, once per request, and does not count otherwise.
pub(crate) fn hit_closed_connection<R>(pending: &Pending<R>, attempt: &Attempt, failure: &Failure) -> bool {
    let broke = match failure.cause {
        Cause::ConnectionTerminated | Cause::HttpResponseIncomplete => true,
        // What most hosts report in this case.
        Cause::HttpProtocolError => attempt.facts.is_none(),
        _ => false,
    };
    let kept = attempt.head.is_none() && attempt.may_have_reused_connection();
    broke && kept && !pending.history.resent && pending.request.is_repeatable()
}

/// Whether a response with this status suggests that another attempt may succeed.
pub(crate) fn is_retryable_status(status: Option<u16>) -> bool {
    status.is_some_and(|status| STATUSES.contains(&status))
}

/// Exponential backoff with full jitter, so that requests that failed together are not repeated together.
fn back_off(retries: u32, settings: &Settings, random: &mut Random) -> Duration {
    let factor = 1_u32.checked_shl(retries).unwrap_or(u32::MAX);
    let max = settings.backoff.saturating_mul(factor).min(settings.max_backoff);
    Duration::from_nanos(random.up_to(u64::try_from(max.as_nanos()).unwrap_or(u64::MAX)))
}
