//! The requests of the command line that have no outcome yet.

use super::asked::Asked;
use super::input::Item;
use fantail::{Entry, Malformed, Request};
use fantail_wire::Context;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// What belongs to requests that have no outcome yet, by the number under which the component knows them. So callers' ids may be texts, and
/// need not differ. Holds as many as the policy's window has room for.
#[derive(Clone, Default)]
pub(crate) struct InFlight(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    next: u64,
    asked: HashMap<u64, Asked>,
}

impl InFlight {
    /// Numbers a request, and notes what belongs to it.
    pub(crate) fn enter(&self, Item { entry, context, repeatable, key }: Item) -> Entry {
        let started_us = SystemTime::now().duration_since(UNIX_EPOCH).ok();
        let started_us = started_us.and_then(|time| u64::try_from(time.as_micros()).ok());
        let context = Context { started_us, key: key.map(|key| key.to_string()), ..context };
        // Nothing panics while it is locked.
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = table.next;
        table.next += 1;
        table.asked.insert(number, Asked { context, repeatable });
        match entry {
            Entry::Request(request) => Entry::Request(Request::id(request, number)),
            Entry::Malformed(malformed) => Entry::Malformed(Malformed { id: number, ..malformed }),
        }
    }

    /// What belongs to the request with this number.
    pub(crate) fn leave(&self, number: u64) -> Asked {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.asked.remove(&number).unwrap_or_default()
    }
}
