//! The options of input.

use clap::{Args, ValueEnum};

#[derive(Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct InputOptions {
    /// The format of --input [default: csv or tsv if the file's name ends so, else lines].
    #[arg(long, value_name = "FORMAT", requires = "input")]
    pub(crate) input_format: Option<Format>,
    /// The column with the URLs in CSV or TSV, by name or by number from 1 [default: url, else the first column with URLs].
    /// The columns id and method are used if they are there; all others go into the outcome's `meta`.
    #[arg(long, value_name = "COLUMN", requires = "input")]
    pub(crate) url_column: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A request per line: a URL, or a JSON object. Lines that begin with # are comments.
    Lines,
    /// A JSON object per line.
    Ndjson,
    /// Comma-separated values (RFC 4180), with a header row if the first row has no URL.
    Csv,
    /// The same, separated by tabs.
    Tsv,
}
