//! What the components for WASI 0.2 and 0.3 have in common: everything but the calls.
//!
//! A component brings a [`Wasi`] (the network and the clock) and two ends ([`Input`], [`Outbox`]); the batch between them is here. It
//! carries events to the engine and its actions out, and decides nothing.

mod alarm;
mod attempt;
mod batch;
mod convert;
mod error_code;
mod list;
mod message;
mod requests;
mod wasi;

pub use batch::{Answer, Batch, Input, Outbox, Reader};
pub use list::{ListInput, ListOutbox};
pub use message::{announced_length, path_with_query};
pub use wasi::{Answered, Body, Failed, Head, Incoming, More, Wasi};

// For the macros.
pub use fantail_engine as engine;
pub use url::Url;
