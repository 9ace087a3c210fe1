//! Responses, with accessors for their header fields and body.

use crate::Body;
use bytes::Bytes;
use fantail_engine::Header;

/// A response, of any status.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The header fields in the order in which they arrived, with names in lower case.
    pub headers: Vec<Header>,
    /// The body, according to the body mode.
    pub body: Body,
}

/// The body cannot be read in the requested form.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// Body mode `discard`.
    #[error("the body was discarded: ask for the body mode `bytes`")]
    Discarded,
    /// Body mode `unread`.
    #[error("the body has not been read: it is a stream, or ask for the body mode `bytes`")]
    Unread,
    /// Not text, or text in another encoding.
    #[error("the body is not UTF-8: {0}")]
    NotUtf8(#[from] std::str::Utf8Error),
    /// Not JSON, or not the JSON of the requested type.
    #[cfg(feature = "json")]
    #[error("the body is not the expected JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl Response {
    /// The value of the first header field with this name, in any case. None if there is none, or if the value is not UTF-8: its bytes are
    /// then in [`headers`](Self::headers).
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }

    /// The whole body. It is never truncated: a longer one than [`Policy::max_body`](fantail_engine::Policy::max_body) is a failure.
    ///
    /// # Errors
    ///
    /// If the body mode is not `bytes`.
    pub fn bytes(&self) -> Result<&Bytes, BodyError> {
        match &self.body {
            Body::Bytes(bytes) => Ok(bytes),
            Body::Discarded => Err(BodyError::Discarded),
            Body::Unread(_) => Err(BodyError::Unread),
        }
    }

    /// The whole body as text. It must be UTF-8, whatever its `content-type` says; nothing is replaced or left out.
    ///
    /// # Errors
    ///
    /// If it is not UTF-8, or if the body mode is not `bytes`.
    pub fn text(&self) -> Result<&str, BodyError> {
        Ok(std::str::from_utf8(self.bytes()?)?)
    }

    /// The whole body, parsed as JSON, whatever its `content-type` says.
    ///
    /// # Errors
    ///
    /// If it is not the JSON of a `T`, or if the body mode is not `bytes`.
    #[cfg(feature = "json")]
    pub fn json<'a, T: serde::Deserialize<'a>>(&'a self) -> Result<T, BodyError> {
        Ok(serde_json::from_slice(self.bytes()?)?)
    }
}
