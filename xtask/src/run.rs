//! Running other programs.

use std::ffi::OsStr;
use std::fmt;
use std::process::Command;

/// Why a command of the front door could not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    /// A program ended with an error; it has said which.
    #[error("`{0}` failed")]
    Program(String),
    /// A program could not be run, or a file not be written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The component could not be built.
    #[error(transparent)]
    Component(#[from] component_builder::BuildError),
    /// A file of the distribution could not be made.
    #[error("{0}")]
    Dist(String),
    /// What cargo knows of the workspace could not be asked for.
    #[error(transparent)]
    Metadata(#[from] cargo_metadata::Error),
    /// Nothing here can build WebAssembly.
    #[error(transparent)]
    Toolchain(#[from] component_builder::ToolchainMissing),
}

impl Failed {
    /// With the reason, in full.
    pub(crate) fn dist(reason: impl fmt::Display) -> Self {
        Self::Dist(format!("{reason:#}"))
    }
}

/// The cargo that runs us, in the workspace's folder.
pub(crate) fn cargo(arguments: impl IntoIterator<Item: AsRef<OsStr>>) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(crate::root()).args(arguments);
    // What the cargo that runs us says of our own package. Some build scripts look at it, and would run again.
    let ours = |name: &str| ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|prefix| name.starts_with(prefix));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(ours)) {
        command.env_remove(name);
    }
    command
}

/// Runs a program to its end.
pub(crate) fn run(command: &mut Command) -> Result<(), Failed> {
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(Failed::Program(written(command))) }
}

/// Runs a program for its exit code alone.
pub(crate) fn works(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// A command as one would type it.
pub(crate) fn written(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Writes a line to standard error.
#[expect(clippy::print_stderr, reason = "the one place that does, for people")]
pub(crate) fn say(line: impl fmt::Display) {
    eprintln!("{line}");
}
