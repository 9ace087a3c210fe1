//! Counts the outcomes that were written.

use super::sink::Observe;
use super::store::Stored;
use fantail::{Cause, Report, Summary, Until};
use fantail_engine::Tally;
use std::time::Instant;

/// Counts of the outcomes that were written so far.
pub(crate) struct Totals {
    started: Instant,
    tally: Tally,
    /// Responses with a status below 400.
    successes: u64,
    /// Everything else that was not cancelled.
    others: u64,
    /// Outcomes without a response that were not cancelled either.
    failures: u64,
    cancelled: u64,
    body_bytes: u64,
}

impl Observe for Totals {
    fn observe(&mut self, outcomes: &[Stored]) {
        for stored in outcomes {
            self.count(stored);
        }
    }
}

impl Totals {
    pub(crate) fn new() -> Self {
        let (started, tally) = (Instant::now(), Tally::new());
        Self { started, tally, successes: 0, others: 0, failures: 0, cancelled: 0, body_bytes: 0 }
    }

    fn count(&mut self, Stored { outcome, bytes, .. }: &Stored) {
        let status = outcome.result.as_ref().ok().map(|response| response.status);
        self.tally.arrived();
        self.tally.finished(outcome, status);
        self.body_bytes += bytes;
        match &outcome.result {
            Ok(response) if response.status < 400 => self.successes += 1,
            Ok(_) => self.others += 1,
            Err(failure) if failure.cause == Cause::Cancelled => self.cancelled += 1,
            Err(_) => (self.others, self.failures) = (self.others + 1, self.failures + 1),
        }
    }

    /// Whether the goal of the run was reached. If `fail`, a status of 400 or above counts as a failure.
    pub(crate) fn has_reached(&self, until: Until, fail: bool) -> bool {
        match until {
            Until::All => self.cancelled + if fail { self.others } else { self.failures } == 0,
            Until::Successes(wanted) => self.successes >= u64::from(wanted),
            Until::FirstFailure => self.others == 0,
        }
    }

    /// The summary, with the component's counts. If bodies are `stored`, elapsed time includes storing them after the end of the batch.
    pub(crate) fn close(&mut self, report: &Report, stored: bool) -> Summary {
        let elapsed = if stored { self.started.elapsed() } else { report.summary.elapsed };
        let mut summary = self.tally.close(elapsed, report.summary.input_ended);
        summary.adopt_inner(&report.summary);
        summary.body_bytes += self.body_bytes;
        summary
    }
}
