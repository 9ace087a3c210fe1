//! Fan-out of HTTP requests through a WebAssembly component, under hard limits.
//!
//! A [`Harness`] runs the component: hand it a lazily read stream of requests, pull exactly one outcome per request.

mod bindings;
mod convert;
mod egress;
mod harness;
mod sender;

pub use egress::{Approved, Egress, Refused};
pub use fantail_engine::{
    BodyMode, Cause, Code, Failure, Fault, Header, Latency, Order, Overrides, Phase, Policy, Request, Sent,
    StatusCounts, Summary, Timing, Until,
};
pub use harness::{
    Body, BuildError, Builder, Canceller, End, Entry, Harness, Limits, Malformed, Outcome, Outcomes, PolicyRefused,
    Report, Response, UnreadBody,
};
pub use sender::{Connections, PoolLimits, Resolve, ResolveError, SystemResolver, Timeouts, TlsError, Trust};

/// The component this library was built with.
pub const COMPONENT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/fantail.wasm"));
