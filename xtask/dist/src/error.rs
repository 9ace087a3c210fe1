//! Why the distribution could not be written.

use component_builder::BuildError;
use std::fmt;
use toolchain::RunError;

/// Why the distribution could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A component could not be built.
    #[error(transparent)]
    Component(#[from] BuildError),
    /// A file could not be created from what was built.
    #[error("{0}")]
    File(String),
    /// A program failed, or could not be run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A file could not be written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// cargo's metadata of the workspace could not be read.
    #[error(transparent)]
    Metadata(#[from] cargo_metadata::Error),
}

impl Error {
    /// For a file, with the whole chain of causes.
    pub(crate) fn file(reason: impl fmt::Display) -> Self {
        Self::File(format!("{reason:#}"))
    }
}
