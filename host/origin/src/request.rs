//! A request as it arrived.

/// A request as it arrived.
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) head: Vec<u8>,
    pub(crate) body: Vec<u8>,
}
