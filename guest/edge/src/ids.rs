//! The clients' ids of pending requests.

use slab::Slab;
use std::cell::RefCell;

/// The client's ids of pending requests. The component knows them by smaller numbers of ours, because a client may use
/// any number, and the same number for many requests. As many as the window has room for, 8 bytes each.
#[derive(Default)]
pub(crate) struct Ids(RefCell<Slab<u64>>);

impl Ids {
    /// Stores a client's id. Returns the number under which the component knows the request.
    pub(crate) fn insert(&self, id: u64) -> u32 {
        let place = self.0.borrow_mut().insert(id);
        // There are as many as the window has room for, and one list of a batch: far fewer than 2^32.
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    /// Removes the id of a request that has its outcome.
    pub(crate) fn remove(&self, number: u32) -> Option<u64> {
        self.0.borrow_mut().try_remove(number as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_use_of_an_id_is_returned_once() {
        let ids = Ids::default();
        let numbers = [7, u64::MAX, 7].map(|id| ids.insert(id));
        assert_eq!(numbers.map(|number| ids.remove(number)), [Some(7), Some(u64::MAX), Some(7)]);
        assert_eq!(ids.remove(numbers[0]), None);
        assert!(ids.insert(1) < 3, "places are used again");
    }
}
