//! What the components for WASI 0.2 and 0.3 have in common: everything but the calls.
//!
//! A component provides a [`Wasi`] (the network and the clock) and runs each [`Batch`]; its caller's calls go through a
//! [`Caller`].
//! A batch passes events to the engine and performs its actions, and decides nothing.

mod attempt;
mod batch;
mod error_code;
mod events;
mod list;
mod message;
mod queues;
mod requests;
mod response;
mod timer;
mod wasi;

pub use attempt::failed_from_report;
pub use batch::Batch;
pub use list::{fetch_all, get_all};
pub use message::{announced_length, path_with_query};
pub use queues::{Caller, Closed};
pub use response::{Body, Incoming, More, Response};
pub use wasi::{Answered, Ask, Head, Upload, Wasi};

// For the macros.
pub use fantail_engine as engine;
pub use fantail_engine::Failed;
pub use fantail_facts::{ATTEMPT, read_failure};
pub use url::Url;
