//! What became of a batch, counted as outcomes are made.

use crate::{Cause, Outcome};
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::time::Duration;

/// What became of a batch. `responses` and `failures` add up to `requests`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Requests that entered the window.
    pub requests: u64,
    /// Outcomes with a response, of any status.
    pub responses: u64,
    /// Outcomes without.
    pub failures: u64,
    /// Failures by cause, without those that did not occur.
    pub by_cause: BTreeMap<Cause, u64>,
    /// Responses by class of status.
    pub by_status: StatusCounts,
    /// Attempts started.
    pub attempts: u64,
    /// Attempts that repeated one before.
    pub retries: u64,
    /// Attempts made beside a slow one.
    pub hedges: u64,
    /// Hedges that answered first.
    pub hedges_won: u64,
    /// Requests that shared the answer of an identical one.
    pub coalesced: u64,
    /// Bytes of bodies read by the shell.
    pub body_bytes: u64,
    /// The most requests in flight at one moment.
    pub peak_in_flight: u32,
    /// How long requests with a response took, from entering the window to their outcome.
    pub latency: Latency,
    /// From the first outcome being asked for to the end.
    pub elapsed: Duration,
    /// Whether the input was read to its end.
    pub input_ended: bool,
}

impl Summary {
    /// Takes over from the component's own summary what cannot be seen from outside: attempts of all kinds, coalesced
    /// requests, bytes read, and the peak.
    pub fn adopt_inner(&mut self, own: &Summary) {
        self.attempts = own.attempts;
        self.retries = own.retries;
        self.hedges = own.hedges;
        self.hedges_won = own.hedges_won;
        self.coalesced = own.coalesced;
        self.body_bytes = own.body_bytes;
        self.peak_in_flight = own.peak_in_flight;
    }

    /// Adds what another component of the same batch counted of that; for the peak, this is the most that it can have been.
    pub fn add_inner(&mut self, other: &Summary) {
        self.attempts += other.attempts;
        self.retries += other.retries;
        self.hedges += other.hedges;
        self.hedges_won += other.hedges_won;
        self.coalesced += other.coalesced;
        self.body_bytes += other.body_bytes;
        self.peak_in_flight += other.peak_in_flight;
    }

    /// Adds what a host counted of another part of the same batch.
    fn add_outer(&mut self, other: &Summary) {
        self.requests += other.requests;
        self.responses += other.responses;
        self.failures += other.failures;
        for (cause, count) in &other.by_cause {
            *self.by_cause.entry(*cause).or_default() += count;
        }
        self.by_status.add(other.by_status);
        self.attempts += other.attempts;
    }
}

/// Responses by class of status (RFC 9110, section 15).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "RFC 9110's own names")]
pub struct StatusCounts {
    pub informational: u64,
    pub successful: u64,
    pub redirection: u64,
    pub client_error: u64,
    pub server_error: u64,
    pub other: u64,
}

impl StatusCounts {
    fn add(&mut self, other: Self) {
        self.informational += other.informational;
        self.successful += other.successful;
        self.redirection += other.redirection;
        self.client_error += other.client_error;
        self.server_error += other.server_error;
        self.other += other.other;
    }

    fn count(&mut self, status: u16) {
        let class = match status / 100 {
            1 => &mut self.informational,
            2 => &mut self.successful,
            3 => &mut self.redirection,
            4 => &mut self.client_error,
            5 => &mut self.server_error,
            _ => &mut self.other,
        };
        *class += 1;
    }
}

/// Percentiles, each within 1 % of the true value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Latency {
    pub p50: Duration,
    pub p90: Duration,
    pub p99: Duration,
    pub p999: Duration,
    pub max: Duration,
}

/// Counts towards a summary: about 40 KiB, however long the batch. Shared with hosts, which count for themselves.
#[derive(Debug)]
pub struct Tally {
    summary: Summary,
    latency: Histogram<u64>,
}

impl Default for Tally {
    fn default() -> Self {
        Self::new()
    }
}

impl Tally {
    /// Nothing counted yet.
    pub fn new() -> Self {
        #[expect(clippy::expect_used, reason = "1 µs to 7 days with two digits is a valid range whatever comes in")]
        let latency = Histogram::new_with_bounds(1_000, 7 * 24 * 3_600 * 1_000_000_000, 2).expect("a valid range");
        Self { summary: Summary::default(), latency }
    }

    /// A request was read.
    pub fn arrived(&mut self) {
        self.summary.requests += 1;
    }

    pub(crate) fn started(&mut self, in_flight: u32) {
        self.summary.peak_in_flight = self.summary.peak_in_flight.max(in_flight);
    }

    pub(crate) fn hedged(&mut self) {
        self.summary.hedges += 1;
    }

    pub(crate) fn hedge_won(&mut self) {
        self.summary.hedges_won += 1;
    }

    pub(crate) fn coalesced(&mut self) {
        self.summary.coalesced += 1;
    }

    pub(crate) fn retried(&mut self) {
        self.summary.retries += 1;
    }

    pub(crate) fn body(&mut self, bytes: u64) {
        self.summary.body_bytes += bytes;
    }

    /// A request has its outcome. `status` is its response's.
    pub fn finished<R>(&mut self, outcome: &Outcome<R>, status: Option<u16>) {
        self.summary.attempts += u64::from(outcome.attempts);
        match (&outcome.result, status) {
            (Ok(_), Some(status)) => {
                self.summary.responses += 1;
                self.summary.by_status.count(status);
                let nanos = u64::try_from(outcome.timing.total.as_nanos()).unwrap_or(u64::MAX);
                self.latency.saturating_record(nanos);
            }
            (Ok(_), None) => self.summary.responses += 1,
            (Err(failure), _) => {
                self.summary.failures += 1;
                *self.summary.by_cause.entry(failure.cause).or_default() += 1;
            }
        }
    }

    /// Adds what was counted of another part of the same batch.
    pub fn add(&mut self, other: Tally) {
        self.summary.add_outer(&other.summary);
        // Both have the same bounds.
        let _ = self.latency.add(&other.latency);
    }

    /// The batch has ended.
    pub fn close(&mut self, elapsed: Duration, input_ended: bool) -> Summary {
        let at = |quantile| Duration::from_nanos(self.latency.value_at_quantile(quantile));
        let latency = if self.latency.is_empty() {
            Latency::default()
        } else {
            Latency { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: at(1.0) }
        };
        Summary { latency, elapsed, input_ended, ..std::mem::take(&mut self.summary) }
    }
}
