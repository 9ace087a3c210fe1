//! When to leave an origin alone.

use crate::recent::Recent;
use crate::{Failure, Fault, Instant, Settings};

/// A circuit breaker over what an origin did in the last ten seconds. It is closed while `next_probe` is none; else nothing is
/// let through until then, and then one request at a time, whose result decides.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    /// Attempts, and those of them that failed.
    recent: Recent,
    next_probe: Option<Instant>,
}

impl Breaker {
    /// When the next attempt is let through, if it is not now.
    pub(crate) fn open_until(&self, now: Instant) -> Option<Instant> {
        self.next_probe.filter(|at| now < *at)
    }

    /// Notes that an attempt is let through: if it is a probe, it is the only one. If nothing is heard of it, there will be
    /// another.
    pub(crate) fn let_through(&mut self, now: Instant, settings: &Settings) {
        if let Some(next_probe) = &mut self.next_probe {
            *next_probe = now + settings.breaker_open;
        }
    }

    /// Takes in what became of an attempt.
    pub(crate) fn record(&mut self, now: Instant, failed: bool, settings: &Settings) {
        if self.next_probe.is_some() {
            *self = match failed {
                true => Self { next_probe: Some(now + settings.breaker_open), ..Self::default() },
                false => Self::default(),
            };
            return;
        }
        self.recent.add(now, (1, u64::from(failed)));
        let (attempts, failed) = self.recent.sums(now);
        if attempts >= u64::from(settings.breaker_minimum)
            && failed * 100 >= attempts * u64::from(settings.breaker_ratio)
        {
            self.next_probe = Some(now + settings.breaker_open);
        }
    }
}

/// Whether an attempt speaks against its origin: a server's error, or a failure that is the peer's or the network's. A response
/// of another kind speaks for it; what was the caller's, the policy's or the host's doing says nothing.
pub(crate) fn verdict(failure: Option<&Failure>, status: Option<u16>) -> Option<bool> {
    match failure {
        None => Some(status.is_some_and(|status| status >= 500)),
        Some(failure) => match failure.fault {
            Fault::Peer | Fault::Network => Some(true),
            // The attempt's own time is the one thing of ours that an origin can run out of.
            Fault::Policy if failure.cause == crate::Cause::TimeoutAttempt => Some(true),
            Fault::Caller | Fault::Policy | Fault::Host => None,
        },
    }
}
