//! A request as a caller of the library writes it.

use fantail_engine::{BodyMode, Priority};
use std::time::Duration;

/// A request to send. What is wrong with it (a URL that is none, a header that may not be set) is its outcome's failure.
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
    /// Its own id does not count.
    inner: fantail_engine::Request,
}

impl Request {
    /// A request with a method of any name, in the case it is to be sent in; without headers and without a body. The URL must be absolute, `http` or
    /// `https`.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        let inner = fantail_engine::Request { method: method.into(), url: url.into(), ..Default::default() };
        Self { id: None, inner }
    }

    /// A GET request.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A POST request. It says nothing of the type of its body, unless [`header`](Self::header) does.
    pub fn post(url: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", url).body(body)
    }

    /// What its outcome is known by: [`Outcome::id`](fantail_engine::Outcome::id). It need not be unique. A request without one has the number of its
    /// place in the stream that is handed to [`Harness::fetch`](crate::Harness::fetch), from 0, where everything counts that the stream gives.
    pub fn id(mut self, id: u64) -> Self {
        self.id = Some(id);
        self
    }

    /// Adds a header field. Fields are sent in the order they are added in.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.inner.headers.push((name.into(), value.into()));
        self
    }

    /// Adds a header field that is kept from other origins when a redirect leads there, as those of credentials always are.
    pub fn secret_header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        let name = name.into();
        self.inner.overrides.secret_headers.push(name.clone());
        self.header(name, value)
    }

    /// What to send after the head, with its `content-length`.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.inner.body = Some(body.into());
        self
    }

    /// How long it may take, waiting and repetitions included. Else [`Policy::timeout`](fantail_engine::Policy::timeout) says.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.inner.overrides.timeout = Some(timeout);
        self
    }

    /// What to do with the response's body. Else [`Policy::body`](fantail_engine::Policy::body) says.
    pub fn body_mode(mut self, mode: BodyMode) -> Self {
        self.inner.overrides.body = Some(mode);
        self
    }

    /// Whether sending it twice does no harm. Else its method says (RFC 9110, section 9.2.2).
    pub fn safe_to_repeat(mut self, safe: bool) -> Self {
        self.inner.overrides.safe_to_repeat = Some(safe);
        self
    }

    /// Before or after the others of its batch.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.inner.overrides.priority = Some(priority);
        self
    }

    /// As the engine has it. `place` is that in the stream.
    pub(crate) fn numbered(self, place: u64) -> fantail_engine::Request {
        fantail_engine::Request { id: self.id.unwrap_or(place), ..self.inner }
    }
}

/// As the engine has it, for example read from JSON by `fantail-wire`. Its id is given.
impl From<fantail_engine::Request> for Request {
    fn from(inner: fantail_engine::Request) -> Self {
        Self { id: Some(inner.id), inner }
    }
}
