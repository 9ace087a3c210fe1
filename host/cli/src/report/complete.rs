//! Completes the files that are made of a run.

use super::exports::Exports;
use super::receipt::{notes, receipt};
use crate::say;
use fantail::{Policy, Report, Summary};
use fantail_report::Context;
use std::time::SystemTime;

/// Completes the files that are made of a run. False if one of them could not be: then the reason has been said.
pub(crate) async fn complete(
    exports: Exports,
    source: &str,
    (summary, report): (&Summary, &Report),
    policy: &Policy,
) -> bool {
    let (receipt, notes) = (receipt(&report.receipt), notes(&report.end));
    let context = Context {
        source,
        made: SystemTime::now(),
        policy: Some(policy),
        summary: Some(summary),
        receipt: Some(&receipt),
        notes: &notes,
    };
    let errors = exports.finish(&context).await;
    for error in &errors {
        say(format_args!("error: {error}"));
    }
    errors.is_empty()
}
