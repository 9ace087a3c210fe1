//! Finds a compiler for WebAssembly, turns a guest crate into a component, and composes components. It installs nothing: if the compiler
//! is missing, the error refers to `cargo xtask setup`.

mod compile;
mod compose;
mod embedded;
mod error;
mod module;
mod remap;

pub use compile::{build, compile};
pub use compose::compose;
pub use embedded::{COMPOSED, EDGE, FETCH, FETCH_P2, embedded, published};
pub use error::BuildError;
pub use module::Module;
pub use toolchain::{cargo_home, guest_target as target_dir};
