//! The interface through which a connection reports events.

use crate::origin::Origin;
use std::sync::Arc;

/// Receives the events of a connection. Implemented by the pool, which knows connections by origin and id.
pub(crate) trait Observer: Send + Sync {
    /// The driver of an HTTP/1.1 connection has been polled, after it was asked to report that.
    fn polled(self: Arc<Self>, origin: &Origin, id: u64);

    /// The peer of an HTTP/2 connection now allows this many concurrent streams.
    fn max_streams_changed(self: Arc<Self>, origin: &Origin, id: u64, streams: usize);

    /// The connection has ended.
    fn closed(self: Arc<Self>, origin: &Origin, id: u64);
}
