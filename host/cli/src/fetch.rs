//! `fantail fetch`.

use super::arguments::Fetch;
use super::egress::{EgressError, builder};
use super::input::entries;
use super::output::Output;
use super::policy::PolicyOptions;
use super::progress::Progress;
use super::report::{ExportOptions, Exporting, Exports, ReportError, notes, receipt};
use super::run::{Ended, Plan};
use super::{Exit, run, say, store};
use fantail::{BodyMode, Order, Policy, Until};
use fantail_report::Context;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// An error that was found before anything was sent.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Input(#[from] super::input::InputError),
    #[error("cannot read {}: {error}", path.display())]
    Read { path: PathBuf, error: std::io::Error },
    #[error("{}: {error}", path.display())]
    PolicyFile { path: PathBuf, error: fantail_wire::WireError },
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(transparent)]
    Egress(#[from] EgressError),
    #[error("cannot store bodies in {}: {error}", path.display())]
    Folder { path: PathBuf, error: std::io::Error },
    #[error(transparent)]
    Harness(#[from] fantail::BuildError),
    #[error(transparent)]
    Policy(#[from] fantail::PolicyRefused),
}

pub(crate) async fn run(fetch: Fetch) -> Exit {
    match try_run(&fetch).await {
        Ok(exit) => exit,
        Err(error) => Exit::usage(error),
    }
}

async fn try_run(fetch: &Fetch) -> Result<Exit, FetchError> {
    let mut policy = policy(&fetch.policy)?;
    if let Some(path) = &fetch.output_dir {
        store::prepare(path).map_err(|error| FetchError::Folder { path: path.clone(), error })?;
        policy.body = Some(BodyMode::Unread);
    }
    let ExportOptions { report, har, har_with_headers } = &fetch.exports;
    let exports = Exports::create(report.as_deref(), har.as_deref(), *har_with_headers)?;
    let entries = entries(fetch).await?;
    let harness = builder(&fetch.egress, None)?.wasi(fetch.wasi).build()?;
    let outcomes = harness.fetch(entries, &policy).await?;
    let total = fetch.input.is_none().then_some(fetch.urls.len() as u64);
    let progress = Progress::new(fetch.display, total);
    let plan = Plan {
        order: policy.order.unwrap_or(Order::Completion),
        until: policy.until.unwrap_or(Until::All),
        folder: fetch.output_dir.as_deref(),
    };
    let mut sink = Exporting { exports, output: Output::new() };
    let ended = run::run(outcomes, &plan, progress, &mut sink).await;
    Ok(export(sink.exports, &ended, &policy).await)
}

/// Completes the files that are made of the run.
async fn export(exports: Exports, ended: &Ended, policy: &Policy) -> Exit {
    let Ended { exit, summary, report } = ended;
    let (receipt, notes) = (receipt(&report.receipt), notes(&report.end));
    let context = Context {
        source: "fantail fetch",
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
    if *exit == Exit::Responses && !errors.is_empty() { Exit::Failures } else { *exit }
}

fn policy(options: &PolicyOptions) -> Result<Policy, FetchError> {
    let Some(path) = options.file() else { return Ok(options.or(Policy::default())) };
    let text = read(path)?;
    let parsed = fantail_wire::policy_from_json(&String::from_utf8_lossy(&text));
    let file = parsed.map_err(|error| FetchError::PolicyFile { path: path.to_owned(), error })?;
    Ok(options.or(file))
}

fn read(path: &Path) -> Result<Vec<u8>, FetchError> {
    std::fs::read(path).map_err(|error| FetchError::Read { path: path.to_owned(), error })
}
