//! What a batch has cost.

use crate::sandbox::Sandbox;
use fantail_sender::Used;
use std::time::Duration;

/// What a batch has cost, up to its last outcome; bytes up to when its report was asked for, which may include those of unread bodies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Instances that ran it.
    pub instances: u32,
    /// Bytes of the instance's memories at their largest.
    pub memory: u64,
    /// How long the instance was run: its own computing, and what the host did for it at once.
    pub busy: Duration,
    /// How often it asked something of the host.
    pub host_calls: u64,
    /// Connections opened for it.
    pub opened: u64,
    /// Requests of it that found a connection open.
    pub reused: u64,
    /// Bytes that came over its connections, TLS and heads included. What comes over one of HTTP/2 is charged to the batch that
    /// used it last.
    pub received: u64,
    /// Bytes that went out.
    pub sent: u64,
    /// From the batch being handed over to its end.
    pub elapsed: Duration,
}

impl Receipt {
    pub(super) fn of(sandbox: &Sandbox, elapsed: Duration) -> Self {
        let used = sandbox.used();
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

    /// Takes over what has passed over the network by now.
    pub(super) fn charge(&mut self, used: &Used) {
        (self.received, self.sent) = (used.received, used.sent);
    }
}
