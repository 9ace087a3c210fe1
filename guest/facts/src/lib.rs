//! What a component and the host that sends its requests tell each other beyond wasi:http, in headers and in the text
//! of an error.
//!
//! - A request with the header [`ATTEMPT`] asks for facts; its value is an [`Attempt`]: its number and, over WASI 0.2, its
//!   timeouts in place of wasi:http's options, which would have to be made for each request. The host removes the header.
//! - The response has the header [`FACTS`], which only the host can set: it removes any that the peer sent.
//! - Its failures, those of its body included, are wasi:http's `internal-error` with a text that [`write_failure`] makes.
//! - A request whose number is [`EVENTS`] is not sent. Its response has the header [`FACTS`] and a body that does not
//!   end: a line with the number of each attempt when the host begins to send it, which may be long after it accepted it.
//!
//! Facts have the syntax of `server-timing` (W3C Server Timing): names with a duration in milliseconds or a
//! description.
//!
//! ```
//! use fantail_engine::Facts;
//! use std::time::Duration;
//!
//! let facts = Facts { head: Some(Duration::from_micros(1_500)), reused: Some(true), ..Facts::default() };
//! let text = fantail_facts::write(&facts);
//! assert_eq!(text, "head;dur=1.500, reused");
//! assert_eq!(fantail_facts::read(&text), facts);
//! ```

mod attempt;
mod failure;
mod field;

pub use attempt::{Attempt, Timeouts};
pub use failure::{FailureReport, read_failure, write_failure};
pub use field::{read, write};

/// The header with which a request asks for facts.
pub const ATTEMPT: &str = "fantail-attempt";

/// The value of [`ATTEMPT`] that asks for events.
pub const EVENTS: &str = "events";

/// The response header with the facts.
pub const FACTS: &str = "fantail-facts";
