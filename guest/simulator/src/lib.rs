//! The engine among simulated origins, on a clock of its own: no threads, no sockets, no sleeping.
//!
//! A [`Scenario`] is drawn from a seed: policies, requests, what each origin does to each of them, how slowly the input comes and
//! the outcomes are taken. [`simulate`] plays it, and checks after every step what must always hold ([`ledger`]). The same seed
//! gives the same run, event by event; `cargo run --package fantail-simulator -- SEED` prints it.
//!
//! What origins do is a function of the seed, the path, and how often the path was asked for: a real origin can do the same, which
//! is how the simulation is held against real sockets.

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
