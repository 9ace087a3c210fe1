//! The requests that have outcomes from earlier runs.

use crate::input::Item;
use crate::key::Key;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The most outcomes of a file that is resumed. Each takes at most 40 bytes of memory.
pub(crate) const MAX_OUTCOMES: u64 = 50_000_000;

/// How many outcomes there are of each request. Subtracting the requests of the input from it leaves those to be sent, wherever they are
/// in the input and however often.
#[derive(Default)]
pub(crate) struct Done {
    outcomes: HashMap<Key, u32>,
    skipped: Skipped,
}

/// How many requests were not sent because they have an outcome.
#[derive(Clone, Default)]
pub(crate) struct Skipped(Arc<AtomicU64>);

impl Skipped {
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Done {
    pub(crate) fn add(&mut self, key: Key) {
        *self.outcomes.entry(key).or_default() += 1;
    }

    /// Whether a request has no outcome yet.
    pub(crate) fn lacks(&mut self, item: &Item) -> bool {
        let Some(left) = item.key.and_then(|key| self.outcomes.get_mut(&key)).filter(|left| **left > 0) else {
            return true;
        };
        *left -= 1;
        self.skipped.0.fetch_add(1, Ordering::Relaxed);
        false
    }

    pub(crate) fn skipped(&self) -> Skipped {
        self.skipped.clone()
    }
}
