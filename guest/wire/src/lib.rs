//! The JSON form of requests, policies and outcomes: one object per line, unknown fields refused by name.
//!
//! This is the only crate that knows JSON. It converts to and from the engine's types.

mod batch;
mod context;
mod error;
mod headers;
mod outcome;
mod policy;
mod problem;
mod recorded;
mod request;
mod span;
mod summary;
mod text;
mod value;

pub use batch::{Batch, BatchError, batch_from_json, policy_from_line};
pub use context::{Context, Id, Meta};
pub use error::WireError;
pub use outcome::{
    Body, Outcome, Response, outcome_from_json, outcome_to_json, outcome_with_context, write_outcome,
    write_outcome_with,
};
pub use policy::{policy_from_json, policy_path, policy_to_json};
pub use problem::{Ceiling, Problem, problem_detail, problem_to_json, problem_to_line};
pub use recorded::{Recorded, recorded_from_json};
pub use request::{Readable, readable, request_from_line, request_to_json, request_with_context};
pub use summary::summary_to_line;
