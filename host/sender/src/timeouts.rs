//! The timeouts of the steps of a request.

use std::time::Duration;

/// How long each step of a request may take, each timed separately. A request may ask for less ([`RequestTimeouts`]), never for more. The
/// defaults leave room for what a policy may ask for; the policy's own defaults are tighter. Waiting for a slot to open a connection, or
/// for a stream, counts toward none of them: to stop waiting, the caller drops the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To resolve a name. Default 1 h.
    pub resolve: Duration,
    /// To open a TCP connection, over all addresses of a name. Default 1 h.
    pub connect: Duration,
    /// For the TLS handshake. Default 1 h.
    pub tls: Duration,
    /// From when the request is sent to when the whole head of the response has arrived. Default 1 h.
    pub head: Duration,
    /// Between two frames of a body. Default 1 h.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let hour = Duration::from_secs(60 * 60);
        Self { resolve: hour, connect: hour, tls: hour, head: hour, idle: hour }
    }
}

/// The timeouts that one request asks for, among its extensions. None keeps the sender's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestTimeouts {
    /// To resolve a name, to open a TCP connection, and for the TLS handshake, each.
    pub connect: Option<Duration>,
    /// From when the request is sent to when the whole head of the response has arrived.
    pub head: Option<Duration>,
    /// Between two frames of a body.
    pub idle: Option<Duration>,
}

impl Timeouts {
    pub(crate) fn tightened_by(self, requested: RequestTimeouts) -> Self {
        let tightened =
            |own: Duration, requested: Option<Duration>| requested.map_or(own, |requested| own.min(requested));
        Self {
            resolve: tightened(self.resolve, requested.connect),
            connect: tightened(self.connect, requested.connect),
            tls: tightened(self.tls, requested.connect),
            head: tightened(self.head, requested.head),
            idle: tightened(self.idle, requested.idle),
        }
    }
}
