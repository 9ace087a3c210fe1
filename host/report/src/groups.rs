//! Outcomes by origin, cause and status, each bounded.

use crate::class::{Class, ClassCounts};
use crate::latencies::Latencies;
use crate::origin::origin;
use crate::parts::micros;
use crate::row::{clipped, shown};
use fantail_engine::{Cause, Failure};
use fantail_wire::Outcome;
use std::collections::{BTreeMap, HashMap};

/// The most statuses counted apart; RFC 9110 has fewer.
const MAX_STATUSES: usize = 100;

/// The outcomes of one origin.
#[derive(Debug)]
pub(crate) struct OriginCounts {
    pub(crate) classes: ClassCounts,
    /// Of responses.
    pub(crate) latencies: Latencies,
}

impl OriginCounts {
    fn new() -> Self {
        Self { classes: ClassCounts::default(), latencies: Latencies::new() }
    }

    fn add(&mut self, outcome: &Outcome, class: Class) {
        self.classes.add(class);
        if outcome.result.is_ok() {
            self.latencies.add(micros(outcome.timing.total));
        }
    }
}

/// Outcomes by origin.
#[derive(Debug)]
pub(crate) struct Origins {
    limit: usize,
    pub(crate) named: HashMap<String, OriginCounts>,
    /// Of origins that came after there were enough, and of URLs without one.
    pub(crate) others: OriginCounts,
}

impl Origins {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, named: HashMap::new(), others: OriginCounts::new() }
    }

    pub(crate) fn add(&mut self, outcome: &Outcome, class: Class) {
        let counts = match origin(&outcome.url).map(|origin| clipped(&origin)) {
            Some(origin) if self.named.len() < self.limit => self.named.entry(origin).or_insert_with(OriginCounts::new),
            Some(origin) => self.named.get_mut(&origin).unwrap_or(&mut self.others),
            None => &mut self.others,
        };
        counts.add(outcome, class);
    }
}

/// The failures of one cause.
#[derive(Debug, Default)]
pub(crate) struct CauseCounts {
    pub(crate) failures: u64,
    /// Those for which sending the request again is safe and could succeed.
    pub(crate) retryable: u64,
    /// URLs and details of the first ones.
    pub(crate) examples: Vec<(String, Option<String>)>,
}

/// Failures by cause.
#[derive(Debug)]
pub(crate) struct Causes {
    examples: usize,
    pub(crate) counts: BTreeMap<Cause, CauseCounts>,
}

impl Causes {
    pub(crate) fn new(examples: usize) -> Self {
        Self { examples, counts: BTreeMap::new() }
    }

    pub(crate) fn add(&mut self, url: &str, failure: &Failure) {
        let counts = self.counts.entry(failure.cause).or_default();
        counts.failures += 1;
        counts.retryable += u64::from(failure.retryable);
        if counts.examples.len() < self.examples {
            counts.examples.push((shown(url), failure.detail.as_deref().map(shown)));
        }
    }
}

/// Responses by status.
#[derive(Debug, Default)]
pub(crate) struct Statuses {
    pub(crate) counts: BTreeMap<u16, u64>,
    /// Of statuses that came after there were enough.
    pub(crate) others: u64,
}

impl Statuses {
    pub(crate) fn add(&mut self, status: u16) {
        if self.counts.len() < MAX_STATUSES || self.counts.contains_key(&status) {
            *self.counts.entry(status).or_default() += 1;
        } else {
            self.others += 1;
        }
    }
}
