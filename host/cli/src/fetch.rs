//! `fantail fetch`.

use super::arguments::Fetch;
use super::blocking::blocking;
use super::egress::{EgressError, builder};
use super::in_flight::InFlight;
use super::input::items;
use super::input_length::count_lines;
use super::job::{Job, JobError};
use super::numbers::count;
use super::output::{Format, Output};
use super::policy::PolicyOptions;
use super::progress::{Progress, expect};
use super::report::{ExportOptions, Exporting, Exports, ReportError, complete};
use super::run::{Ended, Plan};
use super::store::Store;
use super::summary::{Details, Run, table, to_json};
use super::{Exit, run, say};
use fantail::{BodyMode, Policy};
use fantail_engine::{PolicyError, Settings};
use futures::StreamExt;
use futures::future::ready;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// An error that was found before anything was sent.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Input(#[from] super::input::InputError),
    #[error("cannot read {}: {error}", path.display())]
    Read { path: PathBuf, error: std::io::Error },
    #[error("{}: {error}", path.display())]
    PolicyFile { path: PathBuf, error: fantail_wire::WireError },
    #[error("{place}: {reason}")]
    OutOfBounds { place: String, reason: String },
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(transparent)]
    Egress(#[from] EgressError),
    #[error("cannot store bodies in {}: {error}", path.display())]
    Folder { path: PathBuf, error: std::io::Error },
    #[error("cannot write the summary to {}: {error}", path.display())]
    Summary { path: PathBuf, error: std::io::Error },
    #[error("policy: {0}")]
    Settings(#[from] fantail_engine::PolicyError),
    #[error(transparent)]
    Job(#[from] JobError),
    #[error(transparent)]
    Harness(#[from] fantail::BuildError),
    #[error(transparent)]
    Policy(#[from] fantail::PolicyRefused),
}

pub(crate) async fn run(fetch: Fetch, verbose: bool) -> Exit {
    match try_run(&fetch, verbose).await {
        Ok(exit) => exit,
        Err(error) => Exit::usage(error),
    }
}

async fn try_run(fetch: &Fetch, verbose: bool) -> Result<Exit, FetchError> {
    let mut policy = fetch.http.over(policy(&fetch.policy)?);
    let store = match &fetch.output_dir {
        None => None,
        Some(path) => {
            policy.body = Some(BodyMode::Unread);
            let store = Store::open(path, fetch.job.name.clone(), fetch.job.sync);
            Some(store.map_err(|error| FetchError::Folder { path: path.clone(), error })?)
        }
    };
    let settings = policy.resolve()?;
    let summary_file = fetch.output.summary_json.as_deref().map(create).transpose()?;
    let ExportOptions { report, har, har_with_headers } = &fetch.exports;
    let exports = Exports::create(report.as_deref(), har.as_deref(), *har_with_headers)?;
    let items = items(fetch).await?;
    let harness = builder(&fetch.egress, None)?.wasi(fetch.wasi).workers(fetch.workers()).build()?;
    let job = open_job(fetch).await?;
    let (mut done, file) = job.map_or_else(Default::default, |job| (job.done, Some(job.file)));
    let (in_flight, skipped) = (InFlight::default(), done.skipped());
    let entering = in_flight.clone();
    let progress = Progress::new(fetch.output.display, verbose);
    let read = progress.read();
    let entries = items.filter(move |item| ready(done.lacks(item))).map(move |item| entering.enter(item));
    let entries = entries.inspect(move |_| _ = read.fetch_add(1, Ordering::Relaxed));
    let outcomes = harness.fetch(entries, &policy).await?;
    expect_requests(fetch, &progress);
    let plan = Plan {
        order: settings.order,
        until: settings.until,
        fail: fetch.output.fail,
        in_flight,
        store,
        // As many as the component hands out.
        at_once: settings.window as usize,
    };
    let format = fetch.output.format.unwrap_or_else(Format::automatic);
    let mut details = Details::default();
    let (ended, exports) = match file {
        Some(output) => {
            let mut sink = Exporting { exports, output };
            (run::run(outcomes, &plan, progress, &mut [&mut details], &mut sink).await, sink.exports)
        }
        None => {
            let mut sink = Exporting { exports, output: Output::new(format, progress.bar()) };
            (run::run(outcomes, &plan, progress, &mut [&mut details], &mut sink).await, sink.exports)
        }
    };
    if fetch.job.resumes() && !fetch.output.display.quiet {
        say(format_args!("skipped      {} had an outcome", count(skipped.count())));
    }
    let exit = summarise(&ended, &details, &settings, fetch, summary_file);
    let exported = complete(exports, "fantail fetch", (&ended.summary, &ended.report), &policy).await;
    Ok(if exit == Exit::Responses && !exported { Exit::Failures } else { exit })
}

/// Opens the file of `--output`, which may be long.
async fn open_job(fetch: &Fetch) -> Result<Option<Job>, FetchError> {
    let Some(path) = fetch.job.output.clone() else { return Ok(None) };
    let options = fetch.job.clone();
    let opening = blocking(move || Ok(Job::open(&path, &options))).await;
    let opened = opening.map_err(|error| FetchError::Read { path: PathBuf::from("--output"), error })?;
    Ok(Some(opened?))
}

/// Tells the progress bar how many requests there are, once that is known.
fn expect_requests(fetch: &Fetch, progress: &Progress) {
    let (Some(bar), urls) = (progress.bar(), fetch.urls.len() as u64) else { return };
    match fetch.input.clone() {
        None => expect(&bar, urls),
        Some(path) => {
            // Not awaited: the run does not depend on it.
            tokio::task::spawn_blocking(move || count_lines(&path).map(|lines| expect(&bar, urls + lines)));
        }
    }
}

/// Prints the summary, and writes it to its file.
fn summarise(ended: &Ended, details: &Details, settings: &Settings, fetch: &Fetch, file: Option<File>) -> Exit {
    let Ended { exit, summary, report } = ended;
    let run = Run { summary, details, receipt: &report.receipt, end: &report.end, settings };
    if !fetch.output.display.quiet {
        say(table(&run).trim_end());
    }
    let Some((path, mut file)) = fetch.output.summary_json.clone().zip(file) else { return *exit };
    match file.write_all(to_json(&run, exit.number()).as_bytes()) {
        Ok(()) => *exit,
        Err(error) => {
            say(FetchError::Summary { path, error });
            if *exit == Exit::Responses { Exit::Failures } else { *exit }
        }
    }
}

fn create(path: &Path) -> Result<File, FetchError> {
    File::create(path).map_err(|error| FetchError::Summary { path: path.to_owned(), error })
}

fn policy(options: &PolicyOptions) -> Result<Policy, FetchError> {
    let policy = match options.file() {
        None => options.or(Policy::default()),
        Some(path) => {
            let text = read(path)?;
            let parsed = fantail_wire::policy_from_json(&String::from_utf8_lossy(&text));
            options.or(parsed.map_err(|error| FetchError::PolicyFile { path: path.to_owned(), error })?)
        }
    };
    match policy.resolve() {
        Ok(_) => Ok(policy),
        Err(PolicyError { field, reason }) => Err(FetchError::OutOfBounds { place: options.place(field), reason }),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, FetchError> {
    std::fs::read(path).map_err(|error| FetchError::Read { path: path.to_owned(), error })
}
