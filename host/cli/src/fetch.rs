//! `fantail fetch`.

use super::arguments::Fetch;
use super::blocking::blocking;
use super::egress::{EgressError, builder};
use super::in_flight::InFlight;
use super::input::items;
use super::job::{Job, JobError};
use super::output::Output;
use super::policy::PolicyOptions;
use super::progress::Progress;
use super::run::Plan;
use super::store::Store;
use super::{Exit, run, say};
use fantail::{BodyMode, Order, Policy, Until};
use fantail_engine::PolicyError;
use futures::StreamExt;
use futures::future::ready;
use indicatif::HumanCount;
use std::path::{Path, PathBuf};

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
    Egress(#[from] EgressError),
    #[error("cannot store bodies in {}: {error}", path.display())]
    Folder { path: PathBuf, error: std::io::Error },
    #[error(transparent)]
    Job(#[from] JobError),
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
    let mut policy = fetch.http.over(policy(&fetch.policy)?);
    let store = match &fetch.output_dir {
        None => None,
        Some(path) => {
            policy.body = Some(BodyMode::Unread);
            let store = Store::open(path, fetch.job.name.clone(), fetch.job.sync);
            Some(store.map_err(|error| FetchError::Folder { path: path.clone(), error })?)
        }
    };
    let items = items(fetch).await?;
    let harness = builder(&fetch.egress, None)?.wasi(fetch.wasi).build()?;
    let job = open_job(fetch).await?;
    let (mut done, mut file) = job.map_or_else(Default::default, |job| (job.done, Some(job.file)));
    let (in_flight, skipped) = (InFlight::default(), done.skipped());
    let entering = in_flight.clone();
    let entries = items.filter(move |item| ready(done.lacks(item))).map(move |item| entering.enter(item));
    let outcomes = harness.fetch(entries, &policy).await?;
    let total = fetch.input.is_none().then_some(fetch.urls.len() as u64);
    let progress = Progress::new(fetch.display, total);
    let plan = Plan {
        order: policy.order.unwrap_or(Order::Completion),
        until: policy.until.unwrap_or(Until::All),
        in_flight,
        store,
        // As many as the component hands out. The policy has been accepted.
        at_once: policy.resolve().map_or(1, |settings| settings.window as usize),
    };
    let exit = match &mut file {
        Some(file) => run::run(outcomes, &plan, progress, file).await,
        None => run::run(outcomes, &plan, progress, &mut Output::new()).await,
    };
    if fetch.job.resumes() {
        say(format_args!("skipped      {} had an outcome", HumanCount(skipped.count())));
    }
    Ok(exit)
}

/// Opens the file of `--output`, which may be long.
async fn open_job(fetch: &Fetch) -> Result<Option<Job>, FetchError> {
    let Some(path) = fetch.job.output.clone() else { return Ok(None) };
    let options = fetch.job.clone();
    let opening = blocking(move || Ok(Job::open(&path, &options))).await;
    let opened = opening.map_err(|error| FetchError::Read { path: PathBuf::from("--output"), error })?;
    Ok(Some(opened?))
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
