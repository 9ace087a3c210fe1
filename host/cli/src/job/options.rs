//! The options of long jobs.

use super::condition::Condition;
use crate::store::NameTemplate;
use clap::Args;
use std::path::PathBuf;

#[derive(Args, Clone)]
#[command(next_help_heading = "Jobs")]
pub(crate) struct JobOptions {
    /// Writes outcomes to this file instead of standard output. It must be new or empty, unless --resume is given.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Continues the file of --output: requests that have an outcome in it are not sent again, except those that were cancelled and may
    /// be sent safely.
    #[arg(long, requires = "output")]
    pub(crate) resume: bool,
    /// Sends those again whose failure in the file of --output is retryable. Implies --resume.
    #[arg(long, requires = "output")]
    pub(crate) retry_failed: bool,
    /// Sends those again whose outcome in the file of --output has one of these: a status (429), a class of statuses (5xx), or a cause
    /// (connection-refused). Implies --resume.
    #[arg(long, value_name = "LIST", requires = "output", value_delimiter = ',')]
    pub(crate) retry_if: Vec<Condition>,
    /// Names the files of --output-dir: {id}, {host}, {path}, {sha256} of the body, {ext} by content type. A slash makes a folder. A name
    /// that is taken by another body gets a number.
    #[arg(long, value_name = "TEMPLATE", requires = "output_dir", default_value = "{id}")]
    pub(crate) name: NameTemplate,
    /// Has each outcome and body on disk before the next one is written. By default, many are put on disk together.
    #[arg(long)]
    pub(crate) sync: bool,
}

impl JobOptions {
    /// Whether the file of `output` may have outcomes already.
    pub(crate) fn resumes(&self) -> bool {
        self.resume || self.retry_failed || !self.retry_if.is_empty()
    }
}
