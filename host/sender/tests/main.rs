//! The sender against peers that are futures instead of sockets, with a paused clock that advances only when every task waits.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod decoding;
mod facts;
mod framing;
mod hibernation;
mod http1;
mod http2;
mod net;
mod routes;
mod secure;
mod self_signed;
