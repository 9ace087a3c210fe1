//! What the host that sends requests knows about one attempt.

use std::net::SocketAddr;
use std::time::Duration;

/// What the host has seen of one attempt. A field is none if the host does not report it or it did not happen: nothing
/// is resolved for an open connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// When the host took the attempt on, in nanoseconds since 1970.
    pub started: Option<u64>,
    /// Waiting until a connection could be opened, or an open one became free.
    pub queued: Option<Duration>,
    /// Looking up the name.
    pub resolve: Option<Duration>,
    /// Opening the connection.
    pub connect: Option<Duration>,
    /// The TLS handshake.
    pub tls: Option<Duration>,
    /// From the moment of sending until the request's body was read to its end. None without one.
    pub send: Option<Duration>,
    /// From the moment of sending to the head of the response.
    pub head: Option<Duration>,
    /// The address that was connected to.
    pub remote: Option<SocketAddr>,
    /// The protocol of the connection.
    pub protocol: Option<Protocol>,
    /// Whether the connection had been used before.
    pub reused: Option<bool>,
}

/// The protocol of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1 or older (RFC 9112).
    Http1,
    /// HTTP/2 (RFC 9113).
    Http2,
}
