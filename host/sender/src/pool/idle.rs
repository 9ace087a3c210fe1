//! The index of idle connections.

use crate::origin::Origin;
use std::collections::BTreeMap;
use tokio::time::Instant;

/// Idle connections of all origins, in the order in which they became idle.
pub(super) type Idle = BTreeMap<u64, IdleEntry>;

pub(super) struct IdleEntry {
    pub(super) origin: Origin,
    pub(super) id: u64,
    pub(super) since: Instant,
}
