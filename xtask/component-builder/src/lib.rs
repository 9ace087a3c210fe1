//! Finds a compiler for WebAssembly, turns a guest crate into a component, and composes components. It installs nothing: if the compiler
//! is missing, the error refers to `cargo xtask setup`.

mod compile;
mod compose;
mod embedded;
mod error;
mod module;
mod remap;
mod toolchain;

pub use compile::{build, cargo_home, compile, target_dir};
pub use compose::compose;
pub use embedded::embedded;
pub use error::BuildError;
pub use module::Module;
pub use toolchain::{TARGET, Toolchain, ToolchainMissing};
