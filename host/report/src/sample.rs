//! The few requests that are shown: the slowest ones, and a sample of all.

use crate::row::Row;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// A row ordered by its total time; of two equal ones, the later is less.
#[derive(Debug)]
struct ByTotal {
    order: (u64, Reverse<u64>),
    row: Row,
}

impl PartialEq for ByTotal {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for ByTotal {}

impl PartialOrd for ByTotal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ByTotal {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order.cmp(&other.order)
    }
}

/// The slowest requests.
#[derive(Debug)]
pub(crate) struct Slowest {
    limit: usize,
    added: u64,
    heap: BinaryHeap<Reverse<ByTotal>>,
}

impl Slowest {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, added: 0, heap: BinaryHeap::new() }
    }

    /// Adds a request that took `total_us`. The row is made only if it is kept.
    pub(crate) fn add(&mut self, total_us: u64, row: impl FnOnce() -> Row) {
        self.added += 1;
        let order = (total_us, Reverse(self.added));
        let is_full = self.heap.len() >= self.limit;
        if is_full && self.heap.peek().is_none_or(|Reverse(least)| order <= least.order) {
            return;
        }
        if is_full {
            self.heap.pop();
        }
        self.heap.push(Reverse(ByTotal { order, row: row() }));
    }

    /// The slowest first.
    pub(crate) fn rows(&self) -> Vec<&Row> {
        let mut all: Vec<&ByTotal> = self.heap.iter().map(|Reverse(item)| item).collect();
        all.sort_by(|one, other| other.cmp(one));
        all.into_iter().map(|item| &item.row).collect()
    }
}

/// A uniform sample of all requests (reservoir sampling). The same requests in the same order give the same sample.
#[derive(Debug)]
pub(crate) struct Reservoir {
    limit: usize,
    added: u64,
    random: fastrand::Rng,
    rows: Vec<Row>,
}

impl Reservoir {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, added: 0, random: fastrand::Rng::with_seed(0x0fa7_7a11), rows: Vec::new() }
    }

    /// Adds a request. The row is made only if it is kept.
    pub(crate) fn add(&mut self, row: impl FnOnce() -> Row) {
        self.added += 1;
        if self.rows.len() < self.limit {
            self.rows.push(row());
            return;
        }
        let place = self.random.u64(0..self.added);
        if let Some(kept) = usize::try_from(place).ok().and_then(|place| self.rows.get_mut(place)) {
            *kept = row();
        }
    }

    /// In the order in which the requests were read, as far as that is known.
    pub(crate) fn rows(&self) -> Vec<&Row> {
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        rows.sort_by_key(|row| row.started_us);
        rows
    }
}
