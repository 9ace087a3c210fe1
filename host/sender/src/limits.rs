//! The limits of the pool and its connections.

use std::time::Duration;

/// The limits of the pool and its connections. Worst case: `max_open` sockets, and for each `head_bytes` and what hyper buffers of a body
/// (some 400 KiB over HTTP/1.1, 256 KiB for each stream over HTTP/2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// The most open connections, over all origins. A request that would need one more fails with `connection-limit-reached`, unless it can
    /// wait for a stream of an open one. Default 8,192.
    pub max_open: usize,
    /// The most open connections to one origin. Default 4,096.
    pub max_open_per_origin: usize,
    /// The most idle connections, over all origins and protocols. Beyond that the one that has been idle for longest is closed.
    /// Default 1,024.
    pub max_idle: usize,
    /// How long an idle connection is kept. Default 30 s: less than servers usually keep theirs, so that few are found closed.
    pub max_age: Duration,
    /// The most bytes of a response's head. Default 64 KiB.
    pub head_bytes: usize,
    /// The most fields of a response's head. Default 128.
    pub head_fields: usize,
    /// The most informational responses (1xx) before the answer. Default 16.
    pub informational: u32,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            max_open: 8_192,
            max_open_per_origin: 4_096,
            max_idle: 1_024,
            max_age: Duration::from_secs(30),
            head_bytes: 64 * 1024,
            head_fields: 128,
            informational: 16,
        }
    }
}
