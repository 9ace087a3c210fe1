//! Finds a compiler for WebAssembly, turns a guest crate into a component, and composes components. It installs nothing: that
//! is the front door's work (`cargo xtask setup`), and this crate says so when something is missing.

mod component;
mod compose;
mod embedded;
mod error;
mod toolchain;

pub use component::{build, target_dir};
pub use compose::compose;
pub use embedded::embedded;
pub use error::BuildError;
pub use toolchain::{TARGET, Toolchain, ToolchainMissing};
