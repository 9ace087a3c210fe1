//! Outcomes on their way to where they are written, and into the files that are made of them.

use super::exports::Exports;
use crate::sink::Sink;
use crate::store::Stored;
use fantail_report::Extra;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

/// Adds outcomes to exports before they are written.
pub(crate) struct Exporting<S> {
    pub(crate) exports: Exports,
    pub(crate) output: S,
}

impl<S: Sink> Sink for Exporting<S> {
    async fn take(&mut self, outcomes: Vec<Stored>) -> io::Result<()> {
        if self.exports.are_wanted() {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let now_us = u64::try_from(now.as_micros()).ok();
            for Stored { outcome, context, .. } in &outcomes {
                let extra = Extra { seen_us: now_us, ..Extra::from(context.clone()) };
                self.exports.add(outcome, &extra).await;
            }
        }
        self.output.take(outcomes).await
    }

    async fn finish(&mut self) -> io::Result<()> {
        self.output.finish().await
    }
}
