//! What belongs to pending requests beside what the component knows of them.

use fantail_engine::Request;
use fantail_wire::{Context, Id};
use slab::Slab;
use std::cell::RefCell;

/// A request of a client, and what its outcome's line repeats.
pub(crate) type Asked = (Request, Context);

/// What the lines of outcomes repeat. The component knows requests by numbers of ours, because a client's ids may be texts, and the same for
/// many requests. As many as the window has room for; together no more bytes than the batch, which is bounded by `max_batch_bytes`.
#[derive(Default)]
pub(crate) struct Pending(RefCell<Slab<Context>>);

impl Pending {
    /// Stores what belongs to a request, whose own number is its id if its client gave none. Returns the number under which the component
    /// knows it.
    pub(crate) fn insert(&self, number: u64, context: Context) -> u32 {
        let id = context.id.or(Some(Id::Number(number)));
        let place = self.0.borrow_mut().insert(Context { id, ..context });
        // There are as many as the window has room for, and one list of a batch: far fewer than 2^32.
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    /// Removes what belongs to a request that has its outcome.
    pub(crate) fn remove(&self, number: u32) -> Option<Context> {
        self.0.borrow_mut().try_remove(number as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_use_of_an_id_is_returned_once() {
        let pending = Pending::default();
        let given = [Some(Id::Number(u64::MAX)), None, Some(Id::Text("a".to_owned())), Some(Id::Text("a".to_owned()))];
        let contexts =
            given.into_iter().zip(5..).map(|(id, number)| pending.insert(number, Context { id, ..Context::default() }));
        let numbers: Vec<u32> = contexts.collect();
        let ids: Vec<String> =
            numbers.iter().map(|number| pending.remove(*number).unwrap().id.unwrap().to_string()).collect();
        assert_eq!(ids, [u64::MAX.to_string().as_str(), "6", "a", "a"]);
        assert_eq!(pending.remove(numbers[0]), None);
        assert!(pending.insert(1, Context::default()) < 4, "places are used again");
    }
}
