//! What a component and the host that sends its requests tell each other beside wasi:http, in headers and in the text of an error.
//!
//! - A request with the header [`ATTEMPT`] asks for facts; its value is the attempt's number. The host takes the header off.
//! - A response to it has the header [`FACTS`], which only the host can make: it takes off any that the peer sent.
//! - Its failures, those of its body included, are wasi:http's `internal-error` with a text that [`write_failure`] makes.
//! - A request whose number is [`EVENTS`] goes nowhere. Its response has the header [`FACTS`], and a body that does not end: a line with the
//!   number of each attempt when the host begins to send it, which may be long after it took it on.
//!
//! Facts are written as `server-timing` is (W3C Server Timing): names with a duration in milliseconds or a description.
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

mod failure;
mod field;

pub use failure::{FailureReport, read_failure, write_failure};
pub use field::{read, write};

/// The name of the header by which a request asks for facts.
pub const ATTEMPT: &str = "fantail-attempt";

/// The number of the request for events.
pub const EVENTS: &str = "events";

/// The name of the header of a response that has them.
pub const FACTS: &str = "fantail-facts";
