//! The formats of outcomes.

use clap::ValueEnum;
use std::io::IsTerminal;

/// How outcomes are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One JSON object a line, with everything that is known.
    Ndjson,
    /// One line for people: status or cause, time, size, URL.
    Table,
    /// Comma-separated values with a row of names, without headers and bodies.
    Csv,
}

impl Format {
    /// The default: for people on a terminal, else for programs.
    pub(crate) fn automatic() -> Self {
        if Self::is_for_people() { Format::Table } else { Format::Ndjson }
    }

    /// Whether standard output is a terminal.
    pub(crate) fn is_for_people() -> bool {
        std::io::stdout().is_terminal()
    }
}
