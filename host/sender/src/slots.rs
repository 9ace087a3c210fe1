//! Limits how many connections may be open.

use crate::limits::PoolLimits;
use crate::origin::Origin;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Counts connections that are open or being opened. Cheap to clone; clones share the counts.
#[derive(Clone, Default)]
pub(crate) struct Slots {
    open: Arc<Mutex<Open>>,
}

#[derive(Default)]
struct Open {
    count: usize,
    by_origin: HashMap<Origin, usize>,
    /// Requests that have closed a connection to get its slot: as many as there are connections closing.
    waiting: VecDeque<(Origin, oneshot::Sender<Slot>)>,
}

/// The slot of one connection. Dropping it passes it to the first in the queue.
pub(crate) struct Slot {
    slots: Slots,
    origin: Origin,
}

/// Which limit has been reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// `max_open`.
    Total,
    /// `max_open_per_origin`.
    PerOrigin,
}

impl Slots {
    /// A slot for one more connection to this origin.
    pub(crate) fn take(&self, origin: &Origin, limits: &PoolLimits) -> Result<Slot, Full> {
        let mut open = self.lock();
        let to_origin = open.by_origin.get(origin).copied().unwrap_or_default();
        if to_origin >= limits.max_open_per_origin {
            return Err(Full::PerOrigin);
        }
        if open.count >= limits.max_open {
            return Err(Full::Total);
        }
        open.count += 1;
        open.by_origin.insert(origin.clone(), to_origin + 1);
        Ok(Slot { slots: self.clone(), origin: origin.clone() })
    }

    /// The next slot that is freed. The caller must make sure that one is.
    pub(crate) fn wait(&self, origin: &Origin) -> oneshot::Receiver<Slot> {
        let (sender, receiver) = oneshot::channel();
        self.lock().waiting.push_back((origin.clone(), sender));
        receiver
    }

    /// Connections open now.
    pub(crate) fn open(&self) -> usize {
        self.lock().count
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // No code panics while it holds the lock.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn remove(&mut self, origin: &Origin) {
        self.count -= 1;
        if let Some(count) = self.by_origin.get_mut(origin) {
            *count -= 1;
            if *count == 0 {
                self.by_origin.remove(origin);
            }
        }
    }

    /// The first in the queue that has not been cancelled, with its slot counted as taken.
    fn next_waiter(&mut self) -> Option<(Origin, oneshot::Sender<Slot>)> {
        let (origin, sender) =
            std::iter::from_fn(|| self.waiting.pop_front()).find(|(_, sender)| !sender.is_closed())?;
        self.count += 1;
        *self.by_origin.entry(origin.clone()).or_default() += 1;
        Some((origin, sender))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let next = {
            let mut open = self.slots.lock();
            open.remove(&self.origin);
            open.next_waiter()
        };
        if let Some((origin, sender)) = next {
            // If it is cancelled meanwhile, the slot is dropped here and passes to the one after it.
            drop(sender.send(Slot { slots: self.slots.clone(), origin }));
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
    fn slots_are_limited_in_total_and_per_origin_and_are_freed_on_drop() {
        let slots = Slots::default();
        let limits = PoolLimits { max_open: 3, max_open_per_origin: 2, ..PoolLimits::default() };
        let (a, b) = (origin("http://a.test/"), origin("http://b.test/"));
        let held: Vec<Slot> = [&a, &a, &b].map(|origin| slots.take(origin, &limits).ok().unwrap()).into();
        assert_eq!(slots.open(), 3);
        assert_eq!(slots.take(&b, &limits).err(), Some(Full::Total));
        drop(held.into_iter().nth(2));
        assert_eq!(slots.open(), 0);
        let _one = (slots.take(&a, &limits).ok().unwrap(), slots.take(&a, &limits).ok().unwrap());
        assert_eq!(slots.take(&a, &limits).err(), Some(Full::PerOrigin));
        assert!(slots.lock().by_origin.len() == 1);
    }

    /// L19: a slot was waited for by sleeping.
    #[test]
    fn a_freed_slot_goes_to_the_first_waiter_that_is_not_cancelled() {
        let slots = Slots::default();
        let limits = PoolLimits { max_open: 1, ..PoolLimits::default() };
        let (a, b) = (origin("http://a.test/"), origin("http://b.test/"));
        let held = slots.take(&a, &limits).ok().unwrap();
        let (cancelled, mut second, mut third) = (slots.wait(&b), slots.wait(&b), slots.wait(&a));
        drop(cancelled);
        drop(held);
        let slot = second.try_recv().unwrap();
        assert_eq!((slots.open(), third.try_recv().is_err()), (1, true));
        drop(slot);
        drop(second);
        // A slot that was sent but not received is freed all the same.
        drop(third);
        assert_eq!(slots.open(), 0);
        assert!(slots.lock().by_origin.is_empty());
    }
}
