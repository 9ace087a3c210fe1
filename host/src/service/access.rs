//! The record of one request, for an access log.

use std::net::SocketAddr;
use std::time::Duration;

/// A request whose answer has ended. It contains no header, no query and no body.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Access<'a> {
    /// The method, at most 16 bytes of it.
    pub method: &'a str,
    /// The path without the query, at most 256 bytes of it.
    pub path: &'a str,
    /// The status, or none if the client disconnected before there was one.
    pub status: Option<u16>,
    /// Bytes of the answer's body.
    pub bytes: u64,
    /// From the head of the request to the end of the answer.
    pub duration: Duration,
    /// The name of the token that was presented, if it is one.
    pub token: Option<&'a str>,
    /// The client's address, or that of a proxy in front.
    pub peer: SocketAddr,
    /// Whether the whole answer was handed to the connection.
    pub is_complete: bool,
}
