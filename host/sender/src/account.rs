//! What one instance has used of the network, and how much it may.

use crate::error::SendError;
use fantail_engine::{Cause, Phase};
use std::sync::atomic::{AtomicU64, Ordering};

/// What one instance may have of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Bytes received and sent at most, each.
    pub bytes: u64,
    /// Bytes of one response's body.
    pub body: u64,
}

/// What one instance has used of the network.
#[derive(Debug)]
pub struct Account {
    allowance: Allowance,
    opened: AtomicU64,
    reused: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
}

/// See [`Account`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Connections opened for it.
    pub opened: u64,
    /// Requests that found a connection open.
    pub reused: u64,
    /// Bytes received.
    pub received: u64,
    /// Bytes sent.
    pub sent: u64,
}

impl Account {
    /// Of one that has used nothing yet.
    pub fn new(allowance: Allowance) -> Self {
        let (opened, reused, received, sent) = Default::default();
        Self { allowance, opened, reused, received, sent }
    }

    pub(crate) fn opened(&self) {
        self.opened.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn reused(&self) {
        self.reused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// What has been used so far.
    pub fn used(&self) -> Used {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Used {
            opened: read(&self.opened),
            reused: read(&self.reused),
            received: read(&self.received),
            sent: read(&self.sent),
        }
    }

    /// Whether half of what it may have has been used, one way or the other.
    pub fn is_half_used(&self) -> bool {
        let Used { received, sent, .. } = self.used();
        received.max(sent) > self.allowance.bytes / 2
    }

    /// Whether more may be sent or received, with `body` bytes of one response's body so far.
    pub(crate) fn check(&self, body: u64) -> Result<(), SendError> {
        let Allowance { bytes, body: most } = self.allowance;
        let Used { received, sent, .. } = self.used();
        let (cause, phase, detail) = if body > most {
            let detail = format!("the body is longer than the {most} bytes that the host allows");
            (Cause::HttpResponseBodySize, Phase::Body, detail)
        } else if received > bytes {
            let detail = format!("the batch has received more than the {bytes} bytes that the host allows");
            (Cause::HttpResponseBodySize, Phase::Body, detail)
        } else if sent > bytes {
            let detail = format!("the batch has sent more than the {bytes} bytes that the host allows");
            (Cause::HttpRequestBodySize, Phase::Head, detail)
        } else {
            return Ok(());
        };
        Err(SendError::new(cause, phase, detail))
    }
}
