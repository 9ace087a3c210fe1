//! Counts what the origin sees, for tests about limits.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The counts of an origin so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections accepted.
    pub connections: usize,
    /// Connections open now.
    pub open: usize,
    /// Requests whose head and body have arrived.
    pub requests: usize,
    /// Requests being answered now.
    pub in_flight: usize,
    /// The most requests that were being answered at once.
    pub peak_in_flight: usize,
}

#[derive(Default)]
pub(crate) struct Counters {
    connections: AtomicUsize,
    open: AtomicUsize,
    requests: AtomicUsize,
    in_flight: AtomicUsize,
    peak_in_flight: AtomicUsize,
}

/// Decrements a counter when it is dropped.
pub(crate) struct CountGuard<'a>(&'a AtomicUsize);

impl Drop for CountGuard<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Counters {
    pub(crate) fn connection(&self) -> CountGuard<'_> {
        self.connections.fetch_add(1, Ordering::SeqCst);
        self.open.fetch_add(1, Ordering::SeqCst);
        CountGuard(&self.open)
    }

    /// Counts a request. The number is how many there have been, this one included.
    pub(crate) fn request(&self) -> (CountGuard<'_>, usize) {
        let serial = self.requests.fetch_add(1, Ordering::SeqCst) + 1;
        let now = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.peak_in_flight.fetch_max(now, Ordering::SeqCst);
        (CountGuard(&self.in_flight), serial)
    }

    pub(crate) fn read(&self) -> Counts {
        let read = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
        Counts {
            connections: read(&self.connections),
            open: read(&self.open),
            requests: read(&self.requests),
            in_flight: read(&self.in_flight),
            peak_in_flight: read(&self.peak_in_flight),
        }
    }
}
