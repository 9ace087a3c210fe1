//! Running other programs.

use crate::{guest_target, root};
use std::ffi::OsStr;
use std::fmt;
use std::process::Command;

/// Why a program did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It failed, and has printed why.
    #[error("`{0}` failed")]
    Failed(String),
    /// It could not be run.
    #[error("cannot run `{0}`: {1}")]
    Start(String, std::io::Error),
}

/// The cargo that runs us, in the workspace's root folder.
pub fn cargo(arguments: impl IntoIterator<Item: AsRef<OsStr>>) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).args(arguments);
    // The outer cargo sets these for our own package. Some build scripts depend on them, and would run again.
    let is_outer = |name: &str| ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|prefix| name.starts_with(prefix));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_outer)) {
        command.env_remove(name);
    }
    command
}

/// Runs one of the workspace's tools that make components. They have a profile and a target folder of their own: they run for a second,
/// and would be compiled for longer.
pub fn tool(package: &str, arguments: &[&OsStr]) -> Result<(), RunError> {
    let mut command = cargo(["run", "--quiet", "--locked", "--package", package, "--profile", "component-builder"]);
    command.arg("--target-dir").arg(guest_target(root())).arg("--").args(arguments);
    run(&mut command)
}

/// Runs a program, and fails if it does.
pub fn run(command: &mut Command) -> Result<(), RunError> {
    let status = command.status().map_err(|error| RunError::Start(command_line(command), error))?;
    if status.success() { Ok(()) } else { Err(RunError::Failed(command_line(command))) }
}

/// Runs a program silently, and returns whether it succeeds.
pub fn works(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// The command as typed in a shell.
pub fn command_line(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Writes a line to standard error.
#[expect(clippy::print_stderr, reason = "messages for people, printed only here")]
pub fn say(line: impl fmt::Display) {
    eprintln!("{line}");
}
