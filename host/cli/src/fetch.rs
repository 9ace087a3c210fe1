//! `fantail fetch`.

use super::arguments::Fetch;
use super::egress::{EgressError, builder};
use super::input::entries;
use super::output::Output;
use super::policy::PolicyOptions;
use super::progress::Progress;
use super::run::Plan;
use super::{Exit, run, store};
use fantail::{BodyMode, Order, Policy, Until};
use fantail_engine::PolicyError;
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
    if let Some(path) = &fetch.output_dir {
        store::prepare(path).map_err(|error| FetchError::Folder { path: path.clone(), error })?;
        policy.body = Some(BodyMode::Unread);
    }
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
    Ok(run::run(outcomes, &plan, progress, &mut Output::new()).await)
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
