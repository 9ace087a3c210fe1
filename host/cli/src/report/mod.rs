//! Outcomes as a page and as a HAR file: `fetch --report --har`, and `fantail report`.

mod complete;
mod error;
mod exporting;
mod exports;
mod lines;
mod new_file;
mod options;
mod receipt;
mod recorded;

pub(crate) use complete::complete;
pub(crate) use error::ReportError;
pub(crate) use exporting::Exporting;
pub(crate) use exports::Exports;
pub(crate) use options::{ExportOptions, ReportArguments};
pub(crate) use recorded::run;
