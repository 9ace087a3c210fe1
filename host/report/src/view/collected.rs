//! What a report has collected.

use crate::class::ClassCounts;
use crate::groups::{Causes, Origins, Statuses};
use crate::latencies::Latencies;
use crate::sample::{Reservoir, Slowest};
use crate::timeline::Timeline;

/// What a report has collected.
#[derive(Debug)]
pub(crate) struct Collected {
    pub(crate) classes: ClassCounts,
    pub(crate) attempts: u64,
    /// Requests with more than one attempt.
    pub(crate) repeated: u64,
    pub(crate) body_bytes: u64,
    /// When the first request was read, in microseconds since 1970.
    pub(crate) first_us: Option<u64>,
    /// When the last outcome came.
    pub(crate) last_us: Option<u64>,
    pub(crate) responses: Latencies,
    pub(crate) failures: Latencies,
    pub(crate) slowest: Slowest,
    pub(crate) sample: Reservoir,
    pub(crate) timeline: Timeline,
    pub(crate) origins: Origins,
    pub(crate) causes: Causes,
    pub(crate) statuses: Statuses,
}

impl Collected {
    /// How many things are kept.
    pub(crate) fn kept(&self) -> usize {
        let examples: usize = self.causes.counts.values().map(|counts| counts.examples.len()).sum();
        let rows = self.slowest.rows().len() + self.sample.rows().len();
        rows + examples + self.timeline.bars().len() + self.origins.named.len() + self.statuses.counts.len()
    }

    /// From the first request to the last outcome, in microseconds; zero if no time is known.
    pub(crate) fn extent_us(&self) -> u64 {
        self.first_us.zip(self.last_us).map_or(0, |(first, last)| last.saturating_sub(first))
    }
}
