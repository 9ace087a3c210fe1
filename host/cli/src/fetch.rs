//! `fantail fetch`.

use super::arguments::Fetch;
use super::egress::{EgressError, builder};
use super::input::entries;
use super::input_length::count_lines;
use super::output::{Format, Output};
use super::policy::PolicyOptions;
use super::progress::{Progress, expect};
use super::run::{Ended, Plan};
use super::summary::{Details, Run, table, to_json};
use super::{Exit, run, say, store};
use fantail::{BodyMode, Policy};
use fantail_engine::Settings;
use futures::StreamExt;
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
    #[error(transparent)]
    Egress(#[from] EgressError),
    #[error("cannot store bodies in {}: {error}", path.display())]
    Folder { path: PathBuf, error: std::io::Error },
    #[error("cannot write the summary to {}: {error}", path.display())]
    Summary { path: PathBuf, error: std::io::Error },
    #[error("policy: {0}")]
    Settings(#[from] fantail_engine::PolicyError),
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
    let mut policy = policy(&fetch.policy)?;
    if let Some(path) = &fetch.output_dir {
        store::prepare(path).map_err(|error| FetchError::Folder { path: path.clone(), error })?;
        policy.body = Some(BodyMode::Unread);
    }
    let settings = policy.resolve()?;
    let summary_file = fetch.output.summary_json.as_deref().map(create).transpose()?;
    let entries = entries(fetch).await?;
    let harness = builder(&fetch.egress, None)?.wasi(fetch.wasi).build()?;
    let progress = Progress::new(fetch.output.display, verbose);
    let read = progress.read();
    let entries = entries.inspect(move |_| _ = read.fetch_add(1, Ordering::Relaxed));
    let outcomes = harness.fetch(entries, &policy).await?;
    expect_requests(fetch, &progress);
    let plan = Plan {
        order: settings.order,
        until: settings.until,
        fail: fetch.output.fail,
        folder: fetch.output_dir.as_deref(),
    };
    let format = fetch.output.format.unwrap_or_else(Format::automatic);
    let (mut output, mut details) = (Output::new(format, progress.bar()), Details::default());
    let ended = run::run(outcomes, &plan, progress, &mut [&mut details], &mut output).await;
    Ok(summarise(&ended, &details, &settings, fetch, summary_file))
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
    let Some(path) = options.file() else { return Ok(options.or(Policy::default())) };
    let text = read(path)?;
    let parsed = fantail_wire::policy_from_json(&String::from_utf8_lossy(&text));
    let file = parsed.map_err(|error| FetchError::PolicyFile { path: path.to_owned(), error })?;
    Ok(options.or(file))
}

fn read(path: &Path) -> Result<Vec<u8>, FetchError> {
    std::fs::read(path).map_err(|error| FetchError::Read { path: path.to_owned(), error })
}
