//! What the origin saw: the ground truth for tests about limits.

use std::sync::atomic::{AtomicUsize, Ordering};

/// What an origin has seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections accepted.
    pub connections: usize,
    /// Connections open now.
    pub open: usize,
    /// Requests whose head arrived.
    pub requests: usize,
    /// Requests being answered now.
    pub in_flight: usize,
    /// The most requests being answered at one moment.
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

/// Counts something as going on until it is dropped.
pub(crate) struct During<'a>(&'a AtomicUsize);

impl Drop for During<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Counters {
    pub(crate) fn connection(&self) -> During<'_> {
        self.connections.fetch_add(1, Ordering::SeqCst);
        self.open.fetch_add(1, Ordering::SeqCst);
        During(&self.open)
    }

    pub(crate) fn request(&self) -> During<'_> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        let now = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.peak_in_flight.fetch_max(now, Ordering::SeqCst);
        During(&self.in_flight)
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
