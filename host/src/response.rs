//! A response, and what a caller usually wants of it.

use crate::Body;
use bytes::Bytes;
use fantail_engine::Header;

/// A response, of any status.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// In the order they came in; names in lower case.
    pub headers: Vec<Header>,
    /// The body, as the body mode asked.
    pub body: Body,
}

/// A body is not what was asked for.
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
    /// Not JSON, or not that of the type that was asked for.
    #[cfg(feature = "json")]
    #[error("the body is not the JSON that was expected: {0}")]
    Json(#[from] serde_json::Error),
}

impl Response {
    /// The value of the first header field of this name, in whatever case. None if there is none, or if the value is not UTF-8: then
    /// [`headers`](Self::headers) has its bytes.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }

    /// The whole body. One that is longer than [`Policy::max_body`](fantail_engine::Policy::max_body) is no response but a failure, and never cut.
    ///
    /// # Errors
    ///
    /// In other body modes than `bytes`.
    pub fn bytes(&self) -> Result<&Bytes, BodyError> {
        match &self.body {
            Body::Bytes(bytes) => Ok(bytes),
            Body::Discarded => Err(BodyError::Discarded),
            Body::Unread(_) => Err(BodyError::Unread),
        }
    }

    /// The whole body as text. It must be UTF-8, whatever its `content-type` says; nothing is replaced and nothing left out.
    ///
    /// # Errors
    ///
    /// If it is not UTF-8, and in other body modes than `bytes`.
    pub fn text(&self) -> Result<&str, BodyError> {
        Ok(std::str::from_utf8(self.bytes()?)?)
    }

    /// The whole body, read as JSON, whatever its `content-type` says.
    ///
    /// # Errors
    ///
    /// If it is not the JSON of a `T`, and in other body modes than `bytes`.
    #[cfg(feature = "json")]
    pub fn json<'a, T: serde::Deserialize<'a>>(&'a self) -> Result<T, BodyError> {
        Ok(serde_json::from_slice(self.bytes()?)?)
    }
}
