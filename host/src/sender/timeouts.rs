//! How long each step of a request may take.

use std::time::Duration;
use wasmtime_wasi_http::RequestOptions;

/// How long each step of a request may take, each on its own clock. A request may ask for less, never for more. The
/// defaults leave room for what a policy may ask for; the policy's own defaults are tighter.
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

impl Timeouts {
    pub(crate) fn tightened_by(self, options: RequestOptions) -> Self {
        let RequestOptions { connect_timeout, first_byte_timeout, between_bytes_timeout } = options;
        let tightened = |own: Duration, asked: Option<Duration>| asked.map_or(own, |asked| own.min(asked));
        Self {
            resolve: tightened(self.resolve, connect_timeout),
            connect: tightened(self.connect, connect_timeout),
            tls: tightened(self.tls, connect_timeout),
            head: tightened(self.head, first_byte_timeout),
            idle: tightened(self.idle, between_bytes_timeout),
        }
    }
}
