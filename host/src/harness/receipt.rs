//! What a batch has used.

use crate::sandbox::Sandbox;
use fantail_sender::Usage;
use std::time::Duration;

/// What a batch has used, up to its last outcome. Bytes are counted up to when the report is requested, and may include those of unread
/// bodies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Instances that ran it.
    pub instances: u32,
    /// Bytes of the instances' memories, which never shrink.
    pub memory: u64,
    /// How long the instance ran: its own computation, and the synchronous work of the host for it.
    pub busy: Duration,
    /// How many calls it made to the host.
    pub host_calls: u64,
    /// Connections opened for the batch.
    pub opened: u64,
    /// Requests sent over a connection that was already open.
    pub reused: u64,
    /// Bytes received over its connections, TLS and heads included. What is received over an HTTP/2 connection is charged to the batch
    /// that used it last.
    pub received: u64,
    /// Bytes sent, likewise.
    pub sent: u64,
    /// From when the batch was started to its end.
    pub elapsed: Duration,
}

impl Receipt {
    pub(super) fn of(sandbox: &Sandbox, elapsed: Duration) -> Self {
        let used = sandbox.consumption();
        Self {
            instances: 1,
            memory: used.memory as u64,
            busy: sandbox.busy.total(),
            host_calls: used.host_calls,
            opened: used.network.opened,
            reused: used.network.reused,
            received: used.network.received,
            sent: used.network.sent,
            elapsed,
        }
    }

    /// Together with that of another instance of the same batch, which ran beside it.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            instances: self.instances + other.instances,
            memory: self.memory + other.memory,
            busy: self.busy + other.busy,
            host_calls: self.host_calls + other.host_calls,
            opened: self.opened + other.opened,
            reused: self.reused + other.reused,
            received: self.received + other.received,
            sent: self.sent + other.sent,
            elapsed: self.elapsed.max(other.elapsed),
        }
    }

    /// Updates the bytes to the current network usage.
    pub(super) fn charge(&mut self, usage: &Usage) {
        (self.received, self.sent) = (usage.received, usage.sent);
    }
}
