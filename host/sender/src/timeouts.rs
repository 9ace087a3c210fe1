//! How long each step of a request may take.

use std::time::Duration;

/// How long each step of a request may take, each on its own clock. A request may ask for less ([`RequestTimeouts`]), never for more. The
/// defaults leave room for what a policy may ask for; the policy's own defaults are tighter. Waiting for a place to open a connection, or
/// for a stream of one, is on none of these clocks: whoever gives up drops the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To resolve a name. Default 1 h.
    pub resolve: Duration,
    /// To open a TCP connection, over all addresses of a name. Default 1 h.
    pub connect: Duration,
    /// For the TLS handshake. Default 1 h.
    pub tls: Duration,
    /// From the request being sent to its whole head. Default 1 h.
    pub head: Duration,
    /// Between two pieces of a body. Default 1 h.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let hour = Duration::from_secs(60 * 60);
        Self { resolve: hour, connect: hour, tls: hour, head: hour, idle: hour }
    }
}

/// What one request asks for, among its extensions. None leaves a step as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestTimeouts {
    /// To resolve a name, to open a TCP connection, and for the TLS handshake, each.
    pub connect: Option<Duration>,
    /// From the request being sent to its whole head.
    pub head: Option<Duration>,
    /// Between two pieces of a body.
    pub idle: Option<Duration>,
}

impl Timeouts {
    pub(crate) fn tightened_by(self, asked: RequestTimeouts) -> Self {
        let tightened = |own: Duration, asked: Option<Duration>| asked.map_or(own, |asked| own.min(asked));
        Self {
            resolve: tightened(self.resolve, asked.connect),
            connect: tightened(self.connect, asked.connect),
            tls: tightened(self.tls, asked.connect),
            head: tightened(self.head, asked.head),
            idle: tightened(self.idle, asked.idle),
        }
    }
}
