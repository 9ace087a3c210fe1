//! The network usage of one instance, and its limits.

use crate::error::SendError;
use fantail_engine::{Cause, Phase};
use std::sync::atomic::{AtomicU64, Ordering};

/// How much one instance may use of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// The max_body bytes that it may receive, and the max_body that it may send.
    pub bytes: u64,
    /// The max_body bytes of one response's body.
    pub body: u64,
}

/// Counts what one instance has usage of the network.
#[derive(Debug)]
pub struct Account {
    allowance: Allowance,
    opened: AtomicU64,
    reused: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
}

/// A reading of an [`Account`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Connections opened for the instance.
    pub opened: u64,
    /// Requests sent over a connection that was already open.
    pub reused: u64,
    /// Bytes received.
    pub received: u64,
    /// Bytes sent.
    pub sent: u64,
}

impl Account {
    /// An account on which nothing has been charged yet.
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

    /// The usage so far.
    pub fn usage(&self) -> Usage {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Usage {
            opened: read(&self.opened),
            reused: read(&self.reused),
            received: read(&self.received),
            sent: read(&self.sent),
        }
    }

    /// Whether more than half of the allowed bytes have been received or sent.
    pub fn is_half_used(&self) -> bool {
        let Usage { received, sent, .. } = self.usage();
        received.max(sent) > self.allowance.bytes / 2
    }

    /// Fails if a limit is exceeded. `body` is the number of bytes received so far of one response's body.
    pub(crate) fn check(&self, body: u64) -> Result<(), SendError> {
        let Allowance { bytes, body: max_body } = self.allowance;
        let Usage { received, sent, .. } = self.usage();
        let (cause, phase, detail) = if body > max_body {
            let detail = format!("the body is longer than the {max_body} bytes that the host allows");
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
