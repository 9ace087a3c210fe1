//! The engine with simulated origins and a simulated clock: no threads, no sockets, no sleeping.
//!
//! A [`Scenario`] is drawn from a seed: policies, requests, how each origin answers each of them, how slowly the input
//! arrives and the outcomes are taken. [`simulate`] plays it, and checks after every step what must always hold
//! ([`ledger`]). The same seed gives the same run, event by event; `cargo run --package fantail-simulator -- SEED`
//! prints it.
//!
//! What an origin does is a function of the seed, the path, and how often the path was requested. A real origin can do
//! the same, so that the simulation can be compared with real sockets.

mod attempt;
mod batch;
mod broken;
mod chains;
mod ledger;
mod memory;
mod models;
mod origin;
mod policy;
mod scenario;
mod truth;
mod turns;
mod watch;
mod world;

pub use attempt::Response;
pub use broken::Broken;
pub use origin::{Answer, Does};
pub use scenario::{Planned, Scenario};
pub use world::{Finished, simulate};
