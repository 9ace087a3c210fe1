//! Fan-out of HTTP requests through a WebAssembly component, under hard limits.
//!
//! A [`Harness`] runs the component: hand it a lazily read stream of requests, pull exactly one outcome per request.

mod bindings;
mod builder;
mod cache;
mod compiled;
mod convert;
mod harness;
mod sandbox;
mod service;

pub use builder::{BuildError, Builder};
pub use fantail_engine::{
    BodyMode, Cause, Code, Facts, Failure, Fault, Header, Hedge, Latency, Order, Overrides, Phase, Policy, Priority,
    Protocol, Request, Sent, StatusCounts, Summary, Timing, Until,
};
pub use fantail_sender::{
    Approved, Connect, Connections, Egress, Identity, OriginPattern, PatternError, PoolLimits, Refused, Resolve,
    ResolveError, SystemResolver, TcpConnector, Timeouts, TlsError, Transport, Trust,
};
pub use harness::{
    Body, Canceller, End, Entry, Harness, Malformed, Outcome, Outcomes, PolicyRefused, Receipt, Report, Response,
    UnreadBody,
};
pub use sandbox::{Limits, Wasi};
pub use service::{Answer, BrokenOff, Listening, Served, Service, ServiceOptions};

/// The component this library was built with.
pub const COMPONENT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/fantail.wasm"));

/// The same for WASI 0.2.
pub const COMPONENT_P2: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/fantail-p2.wasm"));

/// The application this library was built with: `guest/edge` composed with [`COMPONENT`] and `guest/variables`.
pub const APPLICATION: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/application.wasm"));
