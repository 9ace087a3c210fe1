//! Running other programs.

use std::ffi::OsStr;
use std::fmt;
use std::process::Command;

/// Why an xtask command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A program failed; it has printed why.
    #[error("`{0}` failed")]
    Program(String),
    /// A program could not be run, or a file could not be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The component could not be built.
    #[error(transparent)]
    Component(#[from] component_builder::BuildError),
    /// A file of the distribution could not be created.
    #[error("{0}")]
    Dist(String),
    /// cargo's metadata of the workspace could not be read.
    #[error(transparent)]
    Metadata(#[from] cargo_metadata::Error),
    /// No toolchain can build WebAssembly.
    #[error(transparent)]
    Toolchain(#[from] component_builder::ToolchainMissing),
}

impl Error {
    /// An error of `dist`, with the whole chain of causes.
    pub(crate) fn dist(reason: impl fmt::Display) -> Self {
        Self::Dist(format!("{reason:#}"))
    }
}

/// The cargo that runs us, in the workspace's root folder.
pub(crate) fn cargo(arguments: impl IntoIterator<Item: AsRef<OsStr>>) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(crate::root()).args(arguments);
    // The outer cargo sets these for our own package. Some build scripts depend on them, and would run again.
    let is_outer = |name: &str| ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|prefix| name.starts_with(prefix));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_outer)) {
        command.env_remove(name);
    }
    command
}

/// Runs a program, and fails if it does.
pub(crate) fn run(command: &mut Command) -> Result<(), Error> {
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(Error::Program(command_line(command))) }
}

/// Runs a program silently, and returns whether it succeeds.
pub(crate) fn works(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// The command as typed in a shell.
pub(crate) fn command_line(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Writes a line to standard error.
#[expect(clippy::print_stderr, reason = "messages for people, printed only here")]
pub(crate) fn say(line: impl fmt::Display) {
    eprintln!("{line}");
}
