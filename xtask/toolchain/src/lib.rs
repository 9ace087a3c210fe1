//! Runs cargo and other programs, and finds a compiler for WebAssembly. It installs nothing: that is the work of
//! `cargo xtask setup`, and this crate says so when something is missing.

mod folders;
mod run;
mod wasm;

pub use folders::{cargo_home, guest_target, root, target};
pub use run::{RunError, cargo, command_line, run, say, tool, works};
pub use wasm::{TARGET, Toolchain, ToolchainMissing};
