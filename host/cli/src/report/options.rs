//! The options of reports.

use clap::{ArgGroup, Args};
use std::path::PathBuf;

/// Of `fantail fetch`.
#[derive(Args)]
pub(crate) struct ExportOptions {
    /// Writes an HTML page about the run to this file when it ends: what was slow, what failed and why. It loads nothing from
    /// elsewhere. Credentials in URLs are left out as far as their names tell them.
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub(crate) report: Option<PathBuf>,
    /// Writes a HAR file (HTTP Archive 1.2), which the tools of browsers open. It has the bodies that are kept, up to 1 MiB each,
    /// and no credentials of known header fields and query parameters.
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    pub(crate) har: Option<PathBuf>,
    /// Writes header fields and URLs into the HAR file as they are, credentials included.
    #[arg(long, requires = "har", help_heading = "Reports")]
    pub(crate) har_with_headers: bool,
}

/// Of `fantail report`.
#[derive(Args)]
#[command(group = ArgGroup::new("made").args(["html", "har"]).required(true).multiple(true))]
pub(crate) struct ReportArguments {
    /// A file with an outcome per line, as fetch writes them; `-` for standard input.
    #[arg(value_name = "OUTCOMES")]
    pub(crate) outcomes: PathBuf,
    /// Writes an HTML page about the outcomes. It loads nothing from elsewhere. Credentials in URLs are left out as far as their
    /// names tell them.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Writes a HAR file (HTTP Archive 1.2), which the tools of browsers open. It has the bodies of the outcomes, up to 1 MiB each,
    /// and no credentials of known header fields and query parameters.
    #[arg(long, value_name = "FILE")]
    pub(crate) har: Option<PathBuf>,
    /// Writes header fields and URLs into the HAR file as they are, credentials included.
    #[arg(long, requires = "har")]
    pub(crate) har_with_headers: bool,
}
