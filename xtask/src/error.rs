//! Why an xtask command failed.

use toolchain::{RunError, ToolchainMissing};

/// Why an xtask command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A program failed, or could not be run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// Instructions could not be counted, or there are more or fewer than before.
    #[error("instructions: {0}")]
    Instructions(String),
    /// No toolchain can build WebAssembly.
    #[error(transparent)]
    Toolchain(#[from] ToolchainMissing),
}
