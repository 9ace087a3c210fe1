//! Whom a connection tells what happens to it.

use crate::origin::Origin;
use std::sync::Arc;

/// Whom a connection tells what happens to it: the pool, which knows connections by origin and number.
pub(crate) trait Observer: Send + Sync {
    /// A connection of HTTP/1.1 has run once more after it was asked to.
    fn settled(self: Arc<Self>, origin: &Origin, id: u64);

    /// The peer of a connection of HTTP/2 takes so many streams.
    fn takes_streams(self: Arc<Self>, origin: &Origin, id: u64, streams: usize);

    /// The connection has ended.
    fn gone(self: Arc<Self>, origin: &Origin, id: u64);
}
