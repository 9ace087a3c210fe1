//! What connections may hold.

use std::time::Duration;

/// What the pool and its connections may hold. Worst case: `max_open` sockets, and for each `head_bytes`, and as much again as hyper
/// buffers of a body (some 400 KiB over HTTP/1.1, 256 KiB for each stream over HTTP/2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Connections open at once, over all origins. A request beyond that is `connection-limit-reached`, unless it can wait for a stream of
    /// one that is open. Default 8,192.
    pub max_open: usize,
    /// The same to one origin. Default 4,096.
    pub max_open_per_origin: usize,
    /// Connections kept open without a request, over all origins and whatever they speak. Beyond that the one that has been idle for
    /// longest is closed. Default 1,024.
    pub max_idle: usize,
    /// How long one is kept without a request. Default 30 s: less than servers usually wait, so that few are found closed.
    pub max_age: Duration,
    /// Bytes of a response's head at most. Default 64 KiB.
    pub head_bytes: usize,
    /// Fields of a response's head at most. Default 128.
    pub head_fields: usize,
    /// Informational responses (1xx) before the answer at most. Default 16.
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
