//! How many connections may be open.

use crate::limits::PoolLimits;
use crate::origin::Origin;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Counts open connections, those being opened included. Cheap to clone; clones count together.
#[derive(Clone, Default)]
pub(crate) struct Slots {
    open: Arc<Mutex<Open>>,
}

#[derive(Default)]
struct Open {
    count: usize,
    by_origin: HashMap<Origin, usize>,
    /// Who has closed a connection to have its place. As many as are closing.
    waiting: VecDeque<(Origin, oneshot::Sender<Slot>)>,
}

/// One connection's place. Dropping it gives the place to who waits for one.
pub(crate) struct Slot {
    slots: Slots,
    origin: Origin,
}

/// Which limit has been reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// `max_open`.
    InAll,
    /// `max_open_per_origin`.
    ToThisOrigin,
}

impl Slots {
    /// A place for one more connection to this origin.
    pub(crate) fn take(&self, origin: &Origin, limits: &PoolLimits) -> Result<Slot, Full> {
        let mut open = self.lock();
        let there = open.by_origin.get(origin).copied().unwrap_or_default();
        if there >= limits.max_open_per_origin {
            return Err(Full::ToThisOrigin);
        }
        if open.count >= limits.max_open {
            return Err(Full::InAll);
        }
        open.count += 1;
        open.by_origin.insert(origin.clone(), there + 1);
        Ok(Slot { slots: self.clone(), origin: origin.clone() })
    }

    /// The next place that comes back: for who has made sure that one does.
    pub(crate) fn wait(&self, origin: &Origin) -> oneshot::Receiver<Slot> {
        let (place, waiting) = oneshot::channel();
        self.lock().waiting.push_back((origin.clone(), place));
        waiting
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

impl Open {
    fn leave(&mut self, origin: &Origin) {
        self.count -= 1;
        if let Some(there) = self.by_origin.get_mut(origin) {
            *there -= 1;
            if *there == 0 {
                self.by_origin.remove(origin);
            }
        }
    }

    /// Who waits, if it has not left, with the place counted as taken.
    fn next(&mut self) -> Option<(Origin, oneshot::Sender<Slot>)> {
        let (origin, place) = std::iter::from_fn(|| self.waiting.pop_front()).find(|(_, place)| !place.is_closed())?;
        self.count += 1;
        *self.by_origin.entry(origin.clone()).or_default() += 1;
        Some((origin, place))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let next = {
            let mut open = self.slots.lock();
            open.leave(&self.origin);
            open.next()
        };
        if let Some((origin, place)) = next {
            // One that leaves just now drops it, and the next has it.
            drop(place.send(Slot { slots: self.slots.clone(), origin }));
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
        assert_eq!(slots.take(&b, &limits).err(), Some(Full::InAll));
        drop(held.into_iter().nth(2));
        assert_eq!(slots.open(), 0);
        let _one = (slots.take(&a, &limits).ok().unwrap(), slots.take(&a, &limits).ok().unwrap());
        assert_eq!(slots.take(&a, &limits).err(), Some(Full::ToThisOrigin));
        assert!(slots.lock().by_origin.len() == 1);
    }

    /// L19: no waiting by sleeping.
    #[test]
    fn a_place_that_comes_back_goes_to_the_first_that_still_waits() {
        let slots = Slots::default();
        let limits = PoolLimits { max_open: 1, ..PoolLimits::default() };
        let (a, b) = (origin("http://a.test/"), origin("http://b.test/"));
        let held = slots.take(&a, &limits).ok().unwrap();
        let (left, mut second, mut third) = (slots.wait(&b), slots.wait(&b), slots.wait(&a));
        drop(left);
        drop(held);
        let place = second.try_recv().unwrap();
        assert_eq!((slots.open(), third.try_recv().is_err()), (1, true));
        drop(place);
        drop(second);
        // Given and not taken: it comes back all the same.
        drop(third);
        assert_eq!(slots.open(), 0);
        assert!(slots.lock().by_origin.is_empty());
    }
}
