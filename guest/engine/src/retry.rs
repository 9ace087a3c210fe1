//! Whether a request is sent again, and when.

use crate::origins::Origins;
use crate::pending::Pending;
use crate::random::Random;
use crate::state::Attempt;
use crate::{Cause, Failure, Instant, Settings};
use std::time::Duration;

/// Statuses that say that another attempt may succeed (RFC 9110, sections 15.5.9 and 15.6; RFC 6585, section 4).
const STATUSES: [u16; 6] = [408, 429, 500, 502, 503, 504];

/// Whether a request is sent again.
pub(crate) enum RetryDecision {
    /// At this time.
    At(Instant),
    /// It would be, if it had the time.
    OutOfTime,
    No,
}

/// Whether a request whose attempt has ended this way is sent again. `failure` is none for a response. `ends` is when the batch
/// does. Draws from the origin's budget only if everything else allows it.
pub(crate) fn again<R>(
    now: Instant,
    live: &Pending<R>,
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
        None => live.request.is_repeatable() && is_passing(live.status()),
    };
    if !may_help || live.past.retries >= settings.retries {
        return RetryDecision::No;
    }
    let asked = live.attempt().and_then(|attempt| attempt.head.as_ref()?.retry_after);
    let at = now + asked.unwrap_or_else(|| back_off(live.past.retries, settings, random));
    // Waiting for what cannot come in time would only keep the caller from knowing.
    if at >= live.expires {
        return RetryDecision::OutOfTime;
    }
    let granted = ends.is_none_or(|ends| at < ends) && origins.repeat(now, &live.url, settings);
    if granted { RetryDecision::At(at) } else { RetryDecision::No }
}

/// Whether an attempt failed as it does when the connection that it was sent over had been closed meanwhile (RFC 9112, section
/// 9.3.1). It is repeated at once then, once for a request, and counts for nothing else.
pub(crate) fn found_closed<R>(live: &Pending<R>, attempt: &Attempt, failure: &Failure) -> bool {
    let broke = match failure.cause {
        Cause::ConnectionTerminated | Cause::HttpResponseIncomplete => true,
        // What most hosts say then.
        Cause::HttpProtocolError => attempt.facts.is_none(),
        _ => false,
    };
    let kept = attempt.head.is_none() && attempt.may_be_kept();
    broke && kept && !live.past.renewed && live.request.is_repeatable()
}

/// Whether a response of this status says that another attempt may succeed.
pub(crate) fn is_passing(status: Option<u16>) -> bool {
    status.is_some_and(|status| STATUSES.contains(&status))
}

/// Anything up to twice as long as before: spread out, those that failed together do not come back together.
fn back_off(retries: u32, settings: &Settings, random: &mut Random) -> Duration {
    let factor = 1_u32.checked_shl(retries).unwrap_or(u32::MAX);
    let most = settings.backoff.saturating_mul(factor).min(settings.max_backoff);
    Duration::from_nanos(random.up_to(u64::try_from(most.as_nanos()).unwrap_or(u64::MAX)))
}
