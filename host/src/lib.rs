//! Fan-out of HTTP requests through a WebAssembly component, under hard limits.
//!
//! A [`Harness`] runs the component: hand it a lazily read stream of requests, pull exactly one outcome per request.
//!
//! ```no_run
//! use fantail::futures::{StreamExt, stream};
//! use fantail::{Egress, Harness, Policy, Request};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let harness = Harness::builder(Egress::public()).build()?;
//!     let urls = ["https://example.com/", "https://example.org/"];
//!     let requests = stream::iter(urls.map(Request::get)); // any Stream of Request, even an endless one
//!     let mut outcomes = harness.fetch(requests, &Policy::default()).await?;
//!     while let Some(outcome) = outcomes.next().await {
//!         match outcome.result {
//!             Ok(response) => println!("{}: {}, {}", outcome.url, response.status, response.text()?),
//!             Err(failure) => println!("{}: {failure}", outcome.url),
//!         }
//!     }
//!     Ok(())
//! }
//! ```
//!
//! With the feature `json` a [`Response`] can be read as JSON.

mod bindings;
mod builder;
mod cache;
mod compiled;
mod convert;
mod harness;
mod request;
mod response;
mod sandbox;
mod service;

pub use builder::{BuildError, Builder};
pub use fantail_engine::{
    BodyMode, Cause, Code, Facts, Failure, Fault, Header, Hedge, Latency, Order, Phase, Policy, Priority, Protocol,
    Sent, StatusCounts, Summary, Timing, Until,
};
pub use fantail_sender::{
    Approved, ApprovedSocket, Connect, Connections, Egress, Identity, OriginPattern, PatternError, PoolLimits, Proxy,
    ProxyError, Refused, Resolve, ResolveError, ResolveOverrides, SystemResolver, TcpConnector, Timeouts, TlsError,
    Transport, Trust,
};
pub use harness::{
    Body, Canceller, End, Entry, Harness, Malformed, Outcome, Outcomes, PolicyRefused, Receipt, Report, UnreadBody,
};
pub use request::Request;
pub use response::{BodyError, Response};
pub use sandbox::{Limits, Wasi};
pub use service::{Access, AccessLog, Answer, BrokenOff, Listening, Served, Service, ServiceOptions};

// Types of other crates that appear in signatures.
pub use fantail_sender::pki_types;
pub use {bytes, futures, http, http_body, ipnet, tokio, wasmtime};

/// The component for WASI 0.3.
pub const COMPONENT: &[u8] = fantail_components::FETCH;

/// The component for WASI 0.2.
pub const COMPONENT_P2: &[u8] = fantail_components::FETCH_P2;

/// The application: `guest/edge` composed with [`COMPONENT`] and `guest/variables`.
pub const APPLICATION: &[u8] = fantail_components::APPLICATION;
