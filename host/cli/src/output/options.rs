//! The options of output.

use super::Format;
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputOptions {
    /// How outcomes are printed [default: table on a terminal, else ndjson].
    #[arg(long, value_enum, value_name = "FORMAT", hide_possible_values = true, long_help = FORMATS)]
    pub(crate) format: Option<Format>,
    /// Writes the summary to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) summary_json: Option<PathBuf>,
    /// Exits with 1 if a response has a status of 400 or above, too.
    #[arg(long)]
    pub(crate) fail: bool,
    #[command(flatten)]
    pub(crate) display: Display,
}

const FORMATS: &str = "How outcomes are printed [default: table on a terminal, else ndjson]:\n\
                       - ndjson: one JSON object a line, with everything that is known\n\
                       - table: one line for people: status or cause, time, size, URL; in colour on a terminal, unless \
                       NO_COLOR is set\n\
                       - csv: a row of names, then a row an outcome; without headers and bodies";

#[derive(Args, Clone, Copy)]
pub(crate) struct Display {
    /// Prints outcomes and errors only: no progress, no summary.
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Shows no progress bar. It is shown only on a terminal anyway.
    #[arg(long)]
    pub(crate) no_progress: bool,
}
