//! The limits of one instance, which hold even if its component is hostile.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use wasmtime::ResourceLimiter;

/// What one instance, which runs one batch or a worker's part of it, may use. If it exceeds a limit the instance is ended; its open
/// requests get `internal-error` outcomes, and nothing outside it is affected.
///
/// Worst-case memory of the host for one instance: `memory` + `table_elements` x 16 B + `hostcall_bytes` + `handles` x 200 B +
/// `resources` x 100 B + `handed_over` x 100 B, beside the connections (see [`PoolLimits`](crate::PoolLimits)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of all its linear memories together. Default 512 MiB.
    pub memory: usize,
    /// The most elements of all its tables together. Default 65,536.
    pub table_elements: usize,
    /// The most core instances, the most memories and the most tables that it may consist of. Default 64.
    pub parts: usize,
    /// The most component-model handles at once. Default 65,536.
    pub handles: usize,
    /// The most host resources (requests, responses, fields, ...) at once. Default 65,536.
    pub resources: usize,
    /// The most bytes it may pass to the host in one call or one stream item. Default 64 MiB: room for one outcome.
    pub hostcall_bytes: usize,
    /// The most bytes of one request's or response's header fields. Default 128 KiB.
    pub field_bytes: usize,
    /// The largest `max_body` that a policy may ask for, in bytes. Default 32 MiB.
    pub max_body: u64,
    /// The most bytes it may receive from the network, and the most it may send, TLS and heads included. Checked before each request and
    /// with each frame of a body, so it may be exceeded by what a socket and its buffers hold. Default 1 TiB.
    pub network_bytes: u64,
    /// The most bytes of one response's body that it may receive, whether it keeps them or not. Default 64 GiB.
    pub response_bytes: u64,
    /// The most requests it may take in total. Further ones are not read, as after an early stop. Default 1,000,000,000.
    pub requests: u64,
    /// How long it may compute without calling the host. Default 5 s.
    pub stall: Duration,
    /// How long it may compute in total, including the synchronous work of the host for it. Checked every 10 ms while it computes.
    /// Default 24 h.
    pub cpu: Duration,
    /// How long a batch may take, enforced from outside. Default 7 days and 1 minute, a little more than a policy may ask for.
    pub wall: Duration,
    /// The most requests it may hold without having given an outcome. Default 131,072: twice the largest window of a policy.
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

/// Enforces the limits on the total of all memories and tables, which wasmtime reports one by one.
#[derive(Debug)]
pub(super) struct Meter {
    limits: Limits,
    /// Only this meter changes it; others may read it.
    memory: Arc<AtomicUsize>,
    table_elements: usize,
}

impl Meter {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, memory: Arc::default(), table_elements: 0 }
    }

    /// Bytes of all memories, which never shrink.
    pub(super) fn memory(&self) -> &Arc<AtomicUsize> {
        &self.memory
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let mut memory = self.memory.load(Ordering::Relaxed);
        let granted = grow(&mut memory, self.limits.memory, current, desired);
        self.memory.store(memory, Ordering::Relaxed);
        Ok(granted)
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

/// Adds the requested growth to `used`, if the total is within `limit`.
fn grow(used: &mut usize, limit: usize, current: usize, desired: usize) -> bool {
    let total = used.saturating_add(desired.saturating_sub(current));
    let granted = total <= limit;
    if granted {
        *used = total;
    }
    granted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_of_all_memories_is_limited() {
        let mut meter = Meter::new(Limits { memory: 100, ..Limits::default() });
        assert!(meter.memory_growing(0, 60, None).unwrap());
        assert!(!meter.memory_growing(0, 60, None).unwrap(), "a second memory");
        assert!(meter.memory_growing(60, 100, None).unwrap());
        assert!(!meter.memory_growing(100, 101, None).unwrap());
    }
}
