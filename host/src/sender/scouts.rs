//! Who finds out which protocol an origin speaks.

use super::Origin;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Mutex as Gate, OwnedMutexGuard};

/// With HTTP/2 one connection does for all requests, and which protocol is spoken is known only after the TLS handshake. So the
/// first to connect to an origin goes alone, and the others wait to see whether they need connections of their own.
#[derive(Default)]
pub(crate) struct Scouts {
    /// What is known of the [`MOST`] origins that were asked about last, or are being found out about.
    known: Mutex<HashMap<Origin, Arc<Gate<Option<Version>>>>>,
}

const MOST: usize = 1_024;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    Http1,
    Http2,
}

/// Held by who goes alone.
pub(crate) struct Scout(OwnedMutexGuard<Option<Version>>);

impl Scout {
    /// Tells the others. One that is dropped without it leaves the task to the next.
    pub(crate) fn found(mut self, version: Version) {
        *self.0 = Some(version);
    }
}

impl Scouts {
    /// Waits for whoever is under way to this origin. Then the caller is to go, alone: unless everyone needs a connection anyway.
    pub(crate) async fn go(&self, origin: &Origin) -> Option<Scout> {
        let gate = Arc::clone(self.lock().entry(origin.clone()).or_default());
        let gate = gate.lock_owned().await;
        (*gate != Some(Version::Http1)).then_some(Scout(gate))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Origin, Arc<Gate<Option<Version>>>>> {
        // Nothing in here panics half-way through a change.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            // Those nobody waits for. What is forgotten is found out again.
            known.retain(|_, gate| Arc::strong_count(gate) > 1);
        }
        known
    }
}
