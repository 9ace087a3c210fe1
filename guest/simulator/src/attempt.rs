//! An attempt in flight, and its response.

use fantail_engine::{BodyMode, Header, Instant};

/// A response, and the request it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Its status.
    pub status: u16,
    pub(crate) wire_request: WireRequest,
    /// Bytes that it holds.
    pub(crate) size: u64,
}

/// What an origin sees of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WireRequest {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<Header>,
}

/// An attempt in flight.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) origin: usize,
    pub(crate) path: u32,
    pub(crate) body: BodyMode,
    pub(crate) wire_request: WireRequest,
    pub(crate) started: Instant,
    /// The request's id.
    pub(crate) id: u64,
}
