//! The JSON form: what is written is read back, and errors name the field.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod batch;
mod errors;
mod examples;
mod round_trip;
