//! Requests, as callers of the library build them.

use fantail_engine::{BodyMode, Priority};
use std::time::Duration;

/// A request to send. If it is invalid (for example its URL, or a header that may not be set), its outcome is a failure that says so.
///
/// ```no_run
/// use fantail::Request;
/// use std::time::Duration;
///
/// let get = Request::get("https://example.com/");
/// let post = Request::post("https://example.com/orders", r#"{"item":7}"#)
///     .header("content-type", "application/json")
///     .timeout(Duration::from_secs(2))
///     .id(7);
/// # let _ = (get, post);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    id: Option<u64>,
    /// The id in here is ignored.
    inner: fantail_engine::Request,
}

impl Request {
    /// A request without headers and body. The method may have any name, and is sent in the case given here. The URL must be absolute, `http`
    /// or `https`.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        let inner = fantail_engine::Request { method: method.into(), url: url.into(), ..Default::default() };
        Self { id: None, inner }
    }

    /// A GET request.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A POST request. It has a `content-type` only if you add one with [`header`](Self::header).
    pub fn post(url: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", url).body(body)
    }

    /// The id of its outcome ([`Outcome::id`](fantail_engine::Outcome::id)). It need not be unique. The default is the position of the request
    /// in the stream passed to [`Harness::fetch`](crate::Harness::fetch), from 0, with every item of the stream counted.
    pub fn id(mut self, id: u64) -> Self {
        self.id = Some(id);
        self
    }

    /// Adds a header field. Fields are sent in the order in which they are added.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.inner.headers.push((name.into(), value.into()));
        self
    }

    /// Adds a header field that is not sent to another origin when a redirect leads there. Credentials are always treated like this.
    pub fn secret_header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        let name = name.into();
        self.inner.options.secret_headers.push(name.clone());
        self.header(name, value)
    }

    /// The body, which is sent with a `content-length`.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.inner.body = Some(body.into());
        self
    }

    /// How long it may take, including waiting and retries. The default is [`Policy::timeout`](fantail_engine::Policy::timeout).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.inner.options.timeout = Some(timeout);
        self
    }

    /// What to do with the response's body. The default is [`Policy::body`](fantail_engine::Policy::body).
    pub fn body_mode(mut self, mode: BodyMode) -> Self {
        self.inner.options.body = Some(mode);
        self
    }

    /// Whether it is safe to send it twice. By default this depends on the method (RFC 9110, section 9.2.2).
    pub fn safe_to_repeat(mut self, safe: bool) -> Self {
        self.inner.options.safe_to_repeat = Some(safe);
        self
    }

    /// Whether it is sent before or after the others of its batch.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.inner.options.priority = Some(priority);
        self
    }

    /// Converts it to the engine's type. `position` is its position in the stream, which is the default id.
    pub(crate) fn numbered(self, position: u64) -> fantail_engine::Request {
        fantail_engine::Request { id: self.id.unwrap_or(position), ..self.inner }
    }
}

/// From the engine's type, for example as read from JSON by `fantail-wire`. Its id is kept.
impl From<fantail_engine::Request> for Request {
    fn from(inner: fantail_engine::Request) -> Self {
        Self { id: Some(inner.id), inner }
    }
}
