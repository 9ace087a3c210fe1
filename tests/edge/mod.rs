//! The application as a service, over real sockets on both sides.

mod bodies;
mod client;
mod crowding;
mod facts;
mod hosts;
mod lines;
mod metrics;
mod refusals;
mod routes;
mod sharing;
mod streaming;
mod tokens;

pub(crate) use client::{Edge, JSON, NDJSON, edge, options, with_variables};
