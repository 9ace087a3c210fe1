//! The engine from outside, driven by a shell that checks what must always hold.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod adaptive;
mod anything;
mod batch;
mod breaker;
mod bytes;
mod driver;
mod fairness;
mod hedging;
mod pace;
mod random;
mod redirects;
mod requests;
mod retries;
mod sharing;
mod truth;
