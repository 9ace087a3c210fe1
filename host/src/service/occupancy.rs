//! How many requests an instance serves and has served.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use tokio::sync::Notify;

/// Counts the requests that an instance serves and has served.
#[derive(Default)]
pub(super) struct Occupancy {
    callers: AtomicUsize,
    served: AtomicU64,
    broken: AtomicBool,
    caller_left: Notify,
}

/// A caller's place in an instance, released when it is dropped.
pub(super) struct Permit {
    occupancy: Arc<Occupancy>,
}

impl Permit {
    /// Whether the instance has broken down.
    pub(super) fn is_broken(&self) -> bool {
        self.occupancy.broken.load(Ordering::Acquire)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.occupancy.callers.fetch_sub(1, Ordering::AcqRel);
        self.occupancy.caller_left.notify_one();
    }
}

impl Occupancy {
    /// Takes a place for one more caller.
    pub(super) fn enter(self: &Arc<Self>) -> Permit {
        self.callers.fetch_add(1, Ordering::AcqRel);
        self.served.fetch_add(1, Ordering::AcqRel);
        Permit { occupancy: Arc::clone(self) }
    }

    /// How many callers there are now.
    pub(super) fn callers(&self) -> usize {
        self.callers.load(Ordering::Acquire)
    }

    /// How many callers there have been so far.
    pub(super) fn served(&self) -> u64 {
        self.served.load(Ordering::Acquire)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.callers() == 0
    }

    /// Records that the instance has broken down.
    pub(super) fn break_down(&self) {
        self.broken.store(true, Ordering::Release);
    }

    /// Waits until a caller has left.
    pub(super) async fn caller_left(&self) {
        self.caller_left.notified().await;
    }
}
