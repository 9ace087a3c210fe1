//! Exit codes, and messages on standard error.

use std::fmt;
use std::io::Write;
use std::process::ExitCode;

/// The exit code of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: every request got a response (with `--fail` below 400), or the goal of `--until` was reached, or the service stopped when asked to.
    Responses,
    /// 1: some failed, each with its line; or `--until` was not reached, or stopped at a failure; or outcomes could not be written.
    Failures,
    /// 2: a mistake in the command or its input, found before anything was sent.
    Usage,
    /// 130: interrupted.
    Interrupted,
}

impl Exit {
    pub(crate) fn code(self) -> ExitCode {
        ExitCode::from(self.number())
    }

    pub(crate) fn number(self) -> u8 {
        match self {
            Exit::Responses => 0,
            Exit::Failures => 1,
            Exit::Usage => 2,
            Exit::Interrupted => 130,
        }
    }

    /// Prints what is wrong with the command.
    pub(crate) fn usage(problem: impl fmt::Display) -> Self {
        say(format_args!("error: {problem}"));
        Exit::Usage
    }
}

/// Prints a line for people to standard error. Errors are ignored: nothing depends on it.
pub(crate) fn say(line: impl fmt::Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
