//! Finds a compiler for WebAssembly and turns a guest crate into a component. It installs nothing: that is the front
//! door's work (`cargo xtask setup`), and this crate says so when something is missing.

mod component;
mod toolchain;

pub use component::{BuildError, build, target_dir};
pub use toolchain::{TARGET, Toolchain, ToolchainMissing};
