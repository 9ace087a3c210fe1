//! A recording: what the recorder writes and the replayer reads.
//!
//! It is a line of JSON for each event, in the order of events. `exchange` numbers requests in the order they were sent in.
//!
//! ```json
//! {"exchange":0,"event":{"request":{"method":"POST","url":"http://example.com/","headers":[["content-length","5"]]}}}
//! {"exchange":0,"event":{"request-body":"hello"}}
//! {"exchange":0,"event":"request-end"}
//! {"exchange":0,"event":{"response":{"status":200,"headers":[["content-type","image/png"]]}}}
//! {"exchange":0,"event":{"response-body":{"base64":"iVBORw=="}}}
//! {"exchange":0,"event":{"error":"http-response-incomplete"}}
//! ```
//!
//! An event is written before what it tells of is passed on. So whatever a caller saw has its line, and an exchange that just ends is one whose
//! caller did not wait for more.

#[allow(missing_docs, reason = "generated")]
mod bindings;
mod bytes;
mod request;

pub use bindings::wasi;
pub use bindings::wasi::http::types::ErrorCode;
pub use bindings::{wit_future, wit_stream};
pub use bytes::Bytes;
pub use request::Request;

use serde::{Deserialize, Serialize};

/// Bytes that are recorded of one body at most. What comes after them is passed on, and missing in the recording.
pub const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;

/// A field name and its value.
pub type Header = (String, Bytes);

/// One line.
#[derive(Debug, Deserialize, Serialize)]
pub struct Line {
    /// Which request this is about.
    pub exchange: u32,
    /// What happened.
    pub event: Event,
}

/// What happened in an exchange.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// A request was sent. Always the first event.
    Request(Request),
    /// A piece of its body.
    RequestBody(Bytes),
    /// All of its body was sent.
    RequestEnd,
    /// The head of the response.
    Response {
        /// The status code.
        status: u16,
        /// In the order they came in.
        headers: Vec<Header>,
    },
    /// A piece of its body.
    ResponseBody(Bytes),
    /// The response is whole. There may have been trailers.
    ResponseEnd(Option<Vec<Header>>),
    /// There is no response, or it broke off.
    Error(ErrorCode),
    /// The body of the response is longer than [`MAX_BODY_BYTES`], and not recorded any further.
    TooLong,
}

/// Fields as they are recorded.
pub fn recorded(fields: &wasi::http::types::Fields) -> Vec<Header> {
    fields.copy_all().into_iter().map(|(name, value)| (name, Bytes(value))).collect()
}
