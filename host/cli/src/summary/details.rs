//! Counts what the summary says beyond the engine's own.

use super::origins::Origins;
use super::spans::Spans;
use crate::sink::Observe;
use crate::store::Stored;
use fantail::{Cause, Failure};
use std::collections::BTreeMap;

/// Statuses that the engine retries.
const RETRIED: [u16; 6] = [408, 429, 500, 502, 503, 504];

/// Outcomes are told apart by their attempts up to this number less one: `retries` allows 11 at most.
const MAX_ATTEMPTS: usize = 12;

/// Counts beyond those of [`fantail::Summary`], in bounded memory.
#[derive(Default)]
pub(crate) struct Details {
    /// Responses by status.
    pub(super) statuses: BTreeMap<u16, u64>,
    /// Of responses: waiting before the first attempt.
    pub(super) queued: Spans,
    /// Of responses: from sending to the head.
    pub(super) to_head: Spans,
    /// Of responses: everything.
    pub(super) total: Spans,
    pub(super) origins: Origins,
    /// Outcomes that another attempt might have helped, by how many attempts they had.
    retryable: [u64; MAX_ATTEMPTS],
}

impl Observe for Details {
    fn observe(&mut self, outcomes: &[Stored]) {
        for stored in outcomes {
            self.count(stored);
        }
    }
}

impl Details {
    fn count(&mut self, Stored { outcome, .. }: &Stored) {
        let retryable = match &outcome.result {
            Ok(response) => {
                *self.statuses.entry(response.status).or_default() += 1;
                self.queued.record(outcome.timing.queued);
                self.total.record(outcome.timing.total);
                if let Some(head) = outcome.timing.head {
                    self.to_head.record(head);
                }
                RETRIED.contains(&response.status)
            }
            Err(failure) => is_retried(failure),
        };
        let attempts = (outcome.attempts as usize).min(MAX_ATTEMPTS - 1);
        if let Some(count) = self.retryable.get_mut(attempts).filter(|_| retryable) {
            *count += 1;
        }
        let Some(counts) = self.origins.of(&outcome.url) else { return };
        counts.requests += 1;
        counts.time += outcome.timing.total;
        counts.max = counts.max.max(outcome.timing.total);
        match &outcome.result {
            Ok(response) => counts.errors += u64::from(response.status >= 400),
            Err(failure) => {
                counts.failures += u64::from(failure.cause != Cause::Cancelled);
                counts.breaker_open += u64::from(failure.cause == Cause::BreakerOpen);
            }
        }
    }

    /// Outcomes that another attempt might have helped, and that had fewer than `retries` allow.
    pub(super) fn retries_withheld(&self, retries: u32) -> u64 {
        self.retryable.iter().skip(1).take(retries as usize).sum()
    }
}

/// Whether the engine sends a request again that failed like this.
fn is_retried(failure: &Failure) -> bool {
    let ours = matches!(failure.cause, Cause::TimeoutTotal | Cause::Deadline | Cause::Cancelled | Cause::BreakerOpen);
    failure.retryable && !ours
}
