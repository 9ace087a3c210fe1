//! What whoever sends requests knows of one attempt.

use std::net::SocketAddr;
use std::time::Duration;

/// What the host has seen of one attempt, as far as it says. What is none is not known, or did not happen: nothing was resolved for a
/// connection that was open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// When the host took the attempt on, in nanoseconds since 1970.
    pub started: Option<u64>,
    /// Waiting until a connection could be opened, or one that was open was free.
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
    /// What was spoken.
    pub protocol: Option<Protocol>,
    /// Whether the connection had been used before.
    pub reused: Option<bool>,
}

/// What is spoken over a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1 or older (RFC 9112).
    Http1,
    /// HTTP/2 (RFC 9113).
    Http2,
}
