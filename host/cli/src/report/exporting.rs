//! Outcomes on their way to standard output, and into the files that are made of them.

use super::exports::Exports;
use crate::run::Sink;
use fantail_report::Extra;
use fantail_wire as wire;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

/// Adds outcomes to exports before they are written.
pub(crate) struct Exporting<S> {
    pub(crate) exports: Exports,
    pub(crate) output: S,
}

impl<S: Sink> Sink for Exporting<S> {
    async fn take(&mut self, outcomes: Vec<wire::Outcome>) -> io::Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let extra = Extra { seen_us: u64::try_from(now.as_micros()).ok(), ..Extra::default() };
        for outcome in &outcomes {
            self.exports.add(outcome, &extra).await;
        }
        self.output.take(outcomes).await
    }
}
