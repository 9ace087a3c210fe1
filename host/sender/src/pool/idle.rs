//! Connections that wait for a request.

use crate::origin::Origin;
use std::collections::BTreeMap;
use tokio::time::Instant;

/// Connections that wait for a request, by when they began to.
pub(super) type Idle = BTreeMap<u64, Waiting>;

pub(super) struct Waiting {
    pub(super) origin: Origin,
    pub(super) id: u64,
    pub(super) since: Instant,
}
