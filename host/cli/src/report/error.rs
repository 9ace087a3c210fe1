//! What can go wrong with a report.

use std::io;
use std::path::PathBuf;

/// What can go wrong with a report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReportError {
    #[error("cannot write {}: {error}", path.display())]
    Write { path: PathBuf, error: io::Error },
    #[error("cannot read {}: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("{} is given for the page and for the HAR file: give each a file of its own", .0.display())]
    SameFile(PathBuf),
    #[error(transparent)]
    Render(#[from] fantail_report::RenderError),
}
