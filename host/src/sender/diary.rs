//! What the component cannot be told: the phase and the words behind an error code.

use super::Origin;
use super::error::SendError;
use fantail_engine::{Cause, Phase};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// wasi:http's error codes have no room for the phase a timeout struck in or the address that was refused. The sender
/// writes both down here under origin and cause, and the harness looks them up when the outcome comes out. Holds the last
/// [`ENTRIES`] different ones, some 300 bytes each.
#[derive(Clone, Default)]
pub(crate) struct Diary {
    pages: Arc<Mutex<Pages>>,
}

const ENTRIES: usize = 1_024;

type Key = (String, Cause);

#[derive(Default)]
struct Pages {
    entries: HashMap<Key, (Phase, String)>,
    oldest_first: VecDeque<Key>,
}

impl Diary {
    pub(crate) fn write(&self, origin: &Origin, error: &SendError) {
        let key = (origin.authority.as_str().to_ascii_lowercase(), error.cause);
        let mut pages = self.lock();
        let Pages { entries, oldest_first } = &mut *pages;
        if entries.insert(key.clone(), (error.phase, error.detail.clone())).is_none() {
            oldest_first.push_back(key);
        }
        if oldest_first.len() > ENTRIES
            && let Some(oldest) = oldest_first.pop_front()
        {
            entries.remove(&oldest);
        }
    }

    /// What was last written about `cause` at this authority (host, and port unless it is the scheme's own).
    pub(crate) fn read(&self, authority: &str, cause: Cause) -> Option<(Phase, String)> {
        self.lock().entries.get(&(authority.to_ascii_lowercase(), cause)).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        // Nothing in here panics half-way through a change.
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
