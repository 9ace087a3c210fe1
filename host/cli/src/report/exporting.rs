//! Outcomes on their way to where they are written, and into the files that are made of them.

use super::exports::Exports;
use crate::sink::Sink;
use crate::store::Stored;
use fantail_report::Extra;
use fantail_wire::{Context, Id};
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
                self.exports.add(outcome, &extra(context, now_us)).await;
            }
        }
        self.output.take(outcomes).await
    }

    async fn finish(&mut self) -> io::Result<()> {
        self.output.finish().await
    }
}

fn extra(context: &Context, seen_us: Option<u64>) -> Extra {
    Extra {
        id: context.id.as_ref().filter(|id| matches!(id, Id::Text(_))).map(ToString::to_string),
        method: context.method.clone(),
        started_us: context.started_us,
        seen_us,
        key: context.key.clone(),
        meta: context.meta.as_ref().map(|meta| meta.as_str().to_owned()),
    }
}
