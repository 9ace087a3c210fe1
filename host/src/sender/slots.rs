//! How many connections may be open.

use super::error::SendError;
use super::{Origin, PoolLimits};
use fantail_engine::{Cause, Phase};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts open connections, those being opened included. Cheap to clone; clones count together.
#[derive(Clone, Default)]
pub(crate) struct Slots {
    open: Arc<Mutex<Open>>,
}

#[derive(Default)]
struct Open {
    count: usize,
    by_origin: HashMap<Origin, usize>,
}

/// One connection's place. Dropping it gives the place back.
pub(crate) struct Slot {
    slots: Slots,
    origin: Origin,
}

impl Slots {
    /// A place for one more connection to this origin.
    pub(crate) fn take(&self, origin: &Origin, limits: &PoolLimits) -> Result<Slot, SendError> {
        let mut open = self.lock();
        let there = open.by_origin.get(origin).copied().unwrap_or_default();
        let full = |what, most| {
            let detail = format!("{most} connections {what} are open, which is the most that the host allows");
            Err(SendError::new(Cause::ConnectionLimitReached, Phase::Connect, detail))
        };
        if open.count >= limits.max_open {
            return full("in all", limits.max_open);
        }
        if there >= limits.max_open_per_origin {
            return full("to this origin", limits.max_open_per_origin);
        }
        open.count += 1;
        open.by_origin.insert(origin.clone(), there + 1);
        Ok(Slot { slots: self.clone(), origin: origin.clone() })
    }

    /// Connections open now.
    pub(crate) fn open(&self) -> usize {
        self.lock().count
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // Nothing in here panics half-way through a change.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self.slots.lock();
        open.count -= 1;
        if let Some(there) = open.by_origin.get_mut(&self.origin) {
            *there -= 1;
            if *there == 0 {
                open.by_origin.remove(&self.origin);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(uri: &str) -> Origin {
        Origin::of(&uri.parse().unwrap()).unwrap()
    }

    #[test]
    fn places_are_limited_in_all_and_for_each_origin_and_come_back() {
        let slots = Slots::default();
        let limits = PoolLimits { max_open: 3, max_open_per_origin: 2, ..PoolLimits::default() };
        let (a, b) = (origin("http://a.test/"), origin("http://b.test/"));
        let held: Vec<Slot> = [&a, &a, &b].map(|origin| slots.take(origin, &limits).ok().unwrap()).into();
        assert_eq!(slots.open(), 3);
        assert_eq!(slots.take(&b, &limits).err().unwrap().cause, Cause::ConnectionLimitReached);
        drop(held.into_iter().nth(2));
        assert_eq!(slots.open(), 0);
        let _one = (slots.take(&a, &limits).ok().unwrap(), slots.take(&a, &limits).ok().unwrap());
        assert!(slots.take(&a, &limits).err().unwrap().detail.contains("to this origin"));
        assert!(slots.lock().by_origin.len() == 1);
    }
}
