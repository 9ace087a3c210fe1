//! Long jobs: outcomes in a file, which a later run continues.

mod condition;
mod done;
mod file;
pub(crate) mod options;
mod scan;

pub(crate) use done::Done;
pub(crate) use file::{JobError, OutputFile};

use fantail::Cause;
use fantail_wire::Recorded;
use options::JobOptions;
use std::path::Path;

/// The file of a job, and what it has from earlier runs.
pub(crate) struct Job {
    pub(crate) file: OutputFile,
    pub(crate) done: Done,
}

impl Job {
    /// Opens the file and reads what it has. Blocks.
    pub(crate) fn open(path: &Path, options: &JobOptions) -> Result<Self, JobError> {
        let again = |recorded: &Recorded| {
            let failed = matches!(recorded.result, Err((_, true))) && options.retry_failed;
            // A run that was interrupted ended these itself.
            let cancelled = matches!(recorded.result, Err((Cause::Cancelled, true)));
            failed || cancelled || options.retry_if.iter().any(|condition| condition.holds(recorded))
        };
        let (file, done) = OutputFile::open(path, options.resumes(), options.sync, again)?;
        Ok(Self { file, done })
    }
}
