//! Completions for shells, and manual pages: both are made from the arguments.

use super::arguments::Arguments;
use super::{Exit, say};
use clap::CommandFactory;
use clap_complete::Shell;
use std::io::{self, Write};
use std::path::Path;

/// Prints the completions for a shell.
pub(crate) fn completions(shell: Shell) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "fantail", &mut script);
    match io::stdout().lock().write_all(&script) {
        Ok(()) => Exit::Responses,
        Err(error) => {
            say(format_args!("cannot write: {error}"));
            Exit::Failures
        }
    }
}

/// Writes a manual page for the program and for each of its commands.
pub(crate) fn manual(folder: &Path) -> Exit {
    let written = std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Arguments::command(), folder));
    match written {
        Ok(()) => Exit::Responses,
        Err(error) => Exit::usage(format_args!("cannot write manual pages to {}: {error}", folder.display())),
    }
}
