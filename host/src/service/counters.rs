//! What a service counts. Every count is kept in an atomic of its own, so that counting never waits.

use fantail_engine::Cause;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that grows, or a number of things that there are now.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    pub(super) fn increment(&self) {
        self.add(1);
    }

    /// For what was counted with [`increment`](Self::increment) and is no more.
    pub(super) fn decrement(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts one more, unless there are `max`.
    pub(super) fn increment_within(&self, max: u64) -> bool {
        let one_more = |count: u64| (count < max).then_some(count + 1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Why a request was refused without asking the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Every instance is full.
    Full,
    /// Its token has as many batches as it may.
    Batches,
    /// The application did not answer in time.
    Timeout,
    /// The instance broke down, or the application returned an error.
    Broken,
}

impl Refused {
    pub(super) const ALL: [(Refused, &'static str); 4] = [
        (Refused::Full, "full"),
        (Refused::Batches, "batches"),
        (Refused::Timeout, "timeout"),
        (Refused::Broken, "broken"),
    ];
}

/// What is counted for one token, and for requests without one.
#[derive(Debug)]
pub(super) struct CallerCounters {
    /// Requests now.
    pub(super) in_flight: Counter,
    /// Batches now.
    pub(super) batches: Counter,
    /// Answers by the first digit of the status, from 1.
    pub(super) classes: [Counter; 5],
    /// By [`Refused`].
    pub(super) refused: [Counter; Refused::ALL.len()],
    /// Answers that were not read to their end, or broke off.
    pub(super) incomplete: Counter,
    /// Bytes of answers' bodies.
    pub(super) bytes: Counter,
    /// Time from heads of requests to ends of answers, in microseconds.
    pub(super) micros: Counter,
    /// Responses in finished batches.
    pub(super) responses: Counter,
    /// Failures in finished batches, by the place in [`Cause::ALL`].
    pub(super) failures: Vec<Counter>,
}

impl Default for CallerCounters {
    fn default() -> Self {
        let failures = Cause::ALL.iter().map(|_| Counter::default()).collect();
        let (in_flight, batches, incomplete, bytes, micros, responses) = Default::default();
        let (classes, refused) = Default::default();
        Self { in_flight, batches, classes, refused, incomplete, bytes, micros, responses, failures }
    }
}

impl CallerCounters {
    pub(super) fn answered(&self, status: u16) {
        if let Some(class) = usize::from(status / 100).checked_sub(1).and_then(|class| self.classes.get(class)) {
            class.increment();
        }
    }

    pub(super) fn refused(&self, reason: Refused) {
        let place = Refused::ALL.iter().position(|(other, _)| *other == reason);
        if let Some(counter) = place.and_then(|place| self.refused.get(place)) {
            counter.increment();
        }
    }

    pub(super) fn failed(&self, cause: &str, number: u64) {
        let place = Cause::ALL.iter().position(|known| known.name() == cause);
        if let Some(counter) = place.and_then(|place| self.failures.get(place)) {
            counter.add(number);
        }
    }
}

/// What is counted of clients' connections.
#[derive(Debug, Default)]
pub(super) struct ConnectionCounters {
    pub(super) accepted: Counter,
    /// Connections now.
    pub(super) open: Counter,
    /// Closed at once, because their peer had as many as it may.
    pub(super) refused: Counter,
    /// Closed while idle, because another needed their place.
    pub(super) evicted: Counter,
    /// Cut off because they sent no head in time.
    pub(super) silent: Counter,
    /// Cut off because they read too slowly.
    pub(super) slow: Counter,
    /// Cut off because they did not end in time when the service stopped.
    pub(super) cut_off: Counter,
}
