//! The errors of building a component.

use std::path::PathBuf;
use std::process::ExitStatus;
use toolchain::ToolchainMissing;

/// Why a component could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// There is no compiler for the target.
    #[error(transparent)]
    Toolchain(#[from] ToolchainMissing),
    /// The compiler could not be run.
    #[error("cannot run cargo: {0}")]
    Run(std::io::Error),
    /// The compiler reported errors; it has printed them.
    #[error("cargo could not build {package} ({status})")]
    Compile {
        /// The guest crate.
        package: String,
        /// How cargo ended.
        status: ExitStatus,
    },
    /// The compiler's output cannot be read.
    #[error("cannot read {path}: {error}")]
    Read {
        /// The path of the core module.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The core module does not fit its interface.
    #[error("{package} cannot be made into a component: {reason}")]
    Encode {
        /// The guest crate.
        package: String,
        /// The encoder's message.
        reason: String,
    },
    /// The components cannot be composed.
    #[error("the components cannot be composed: {0}")]
    Compose(String),
}
