//! What one instance of the component may use, however hostile it is.

use std::time::Duration;
use wasmtime::ResourceLimiter;

/// What one instance, which runs one batch, may use. Past a limit the instance is ended; the requests it held get
/// `internal-error` outcomes, and nothing outside it is touched.
///
/// Worst-case memory of the host for one instance: `memory` + `table_elements` x 16 B + `hostcall_bytes` + `handles` x 200 B +
/// `resources` x 100 B + `handed_over` x 100 B, beside the connections (see [`PoolLimits`](crate::PoolLimits)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all its linear memories together. Default 512 MiB.
    pub memory: usize,
    /// Elements of all its tables together. Default 65,536.
    pub table_elements: usize,
    /// Core instances, memories and tables it may be made of, each. Default 64.
    pub parts: usize,
    /// Component-model handles at once. Default 65,536.
    pub handles: usize,
    /// Host resources (requests, responses, fields, ...) at once. Default 65,536.
    pub resources: usize,
    /// Bytes it may pass to the host in one call or one stream item. Default 64 MiB: room for one outcome.
    pub hostcall_bytes: usize,
    /// Bytes of one request's or response's header fields. Default 128 KiB.
    pub field_bytes: usize,
    /// Bytes of a body kept inside the component that a policy may ask for. Default 32 MiB.
    pub max_body: u64,
    /// Bytes it may receive from the network, and send, each, TLS and heads included. Looked at before each request and with each
    /// piece of a body, so that what a socket and its buffers hold may come on top. Default 1 TiB.
    pub network_bytes: u64,
    /// Bytes of one response's body that it may receive, kept or not. Default 64 GiB.
    pub response_bytes: u64,
    /// Requests it may take in all. What comes after those stays unread, as after an early stop. Default 1,000,000,000.
    pub requests: u64,
    /// How long it may compute without asking anything of the host. Default 5 s.
    pub stall: Duration,
    /// How long it may compute in all, what the host does for it at once included. Looked at every 10 ms while it computes.
    /// Default 24 h.
    pub cpu: Duration,
    /// How long a batch may take, kept outside of it. Default 7 days and 1 minute, a little more than a policy may ask.
    pub wall: Duration,
    /// Requests it may take without giving an outcome. Default 131,072: twice what a policy's window may be.
    pub handed_over: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 512 << 20,
            table_elements: 65_536,
            parts: 64,
            handles: 65_536,
            resources: 65_536,
            hostcall_bytes: 64 << 20,
            field_bytes: 128 << 10,
            max_body: 32 << 20,
            network_bytes: 1 << 40,
            response_bytes: 64 << 30,
            requests: 1_000_000_000,
            stall: Duration::from_secs(5),
            cpu: Duration::from_secs(24 * 60 * 60),
            wall: Duration::from_secs(7 * 24 * 60 * 60 + 60),
            handed_over: 131_072,
        }
    }
}

/// Keeps the limits on memory and tables, which wasmtime asks about one at a time, in sum.
#[derive(Debug)]
pub(super) struct Meter {
    limits: Limits,
    memory: usize,
    table_elements: usize,
}

impl Meter {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, memory: 0, table_elements: 0 }
    }

    /// Bytes of all memories: they never shrink.
    pub(super) fn memory(&self) -> usize {
        self.memory
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(grow(&mut self.memory, self.limits.memory, current, desired))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(grow(&mut self.table_elements, self.limits.table_elements, current, desired))
    }

    fn instances(&self) -> usize {
        self.limits.parts
    }

    fn tables(&self) -> usize {
        self.limits.parts
    }

    fn memories(&self) -> usize {
        self.limits.parts
    }
}

/// Adds what is asked for to what is `used`, if that is within `most`.
fn grow(used: &mut usize, most: usize, current: usize, desired: usize) -> bool {
    let total = used.saturating_add(desired.saturating_sub(current));
    let granted = total <= most;
    if granted {
        *used = total;
    }
    granted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_limited_in_sum() {
        let mut meter = Meter::new(Limits { memory: 100, ..Limits::default() });
        assert!(meter.memory_growing(0, 60, None).unwrap());
        assert!(!meter.memory_growing(0, 60, None).unwrap(), "a second memory");
        assert!(meter.memory_growing(60, 100, None).unwrap());
        assert!(!meter.memory_growing(100, 101, None).unwrap());
    }
}
