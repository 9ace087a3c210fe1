//! `fantail fetch`: the main job.

use super::arguments::{self, BodyName, Fetch};
use super::egress::{EgressError, egress, trust};
use super::input::entries;
use super::output::Output;
use super::progress::Progress;
use super::{Exit, run, store};
use fantail::{BodyMode, Harness, Order, Policy};
use std::path::{Path, PathBuf};

/// A mistake found before anything was sent.
#[derive(Debug, thiserror::Error)]
enum Mistake {
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
    #[error(transparent)]
    Harness(#[from] fantail::BuildError),
    #[error(transparent)]
    Policy(#[from] fantail::PolicyRefused),
}

pub(crate) async fn run(fetch: Fetch) -> Exit {
    match try_run(&fetch).await {
        Ok(exit) => exit,
        Err(mistake) => Exit::usage(mistake),
    }
}

async fn try_run(fetch: &Fetch) -> Result<Exit, Mistake> {
    let mut policy = policy(&fetch.policy)?;
    if let Some(path) = &fetch.output_dir {
        store::prepare(path).map_err(|error| Mistake::Folder { path: path.clone(), error })?;
        policy.body = Some(BodyMode::Unread);
    }
    let entries = entries(fetch).await?;
    let harness = Harness::builder(egress(&fetch.egress)).trust(trust(&fetch.egress)?).build()?;
    let outcomes = harness.fetch(entries, &policy).await?;
    let total = fetch.input.is_none().then_some(fetch.urls.len() as u64);
    let progress = Progress::new(fetch.display, total);
    let order = policy.order.unwrap_or(Order::Completion);
    Ok(run::run(outcomes, order, fetch.output_dir.as_deref(), progress, &mut Output::new()).await)
}

/// The policy of the file, and over it what was given as options.
fn policy(given: &arguments::Policy) -> Result<Policy, Mistake> {
    let file = match &given.file {
        None => Policy::default(),
        Some(path) => {
            let text = read(path)?;
            let text = String::from_utf8_lossy(&text);
            fantail_wire::policy_from_json(&text).map_err(|error| Mistake::PolicyFile { path: path.clone(), error })?
        }
    };
    let body = given.body.map(|name| match name {
        BodyName::None => BodyMode::Discard,
        BodyName::Collect => BodyMode::Bytes,
    });
    Ok(Policy {
        concurrency: given.concurrency.or(file.concurrency),
        body: body.or(file.body),
        max_body: given.max_body.map(|size| size.as_u64()).or(file.max_body),
        connect_timeout: given.connect_timeout.or(file.connect_timeout),
        head_timeout: given.head_timeout.or(file.head_timeout),
        idle_timeout: given.idle_timeout.or(file.idle_timeout),
        attempt_timeout: given.attempt_timeout.or(file.attempt_timeout),
        timeout: given.timeout.or(file.timeout),
        deadline: given.deadline.or(file.deadline),
        retries: given.retries.or(file.retries),
        backoff: given.backoff.or(file.backoff),
        redirects: given.redirects.or(file.redirects),
        per_origin: given.per_origin.or(file.per_origin),
        breaker_ratio: given.breaker.or(file.breaker_ratio),
        hedge: given.hedge.or(file.hedge),
        rate: given.rate.or(file.rate),
        order: given.order.map(Order::from).or(file.order),
        until: given.until.or(file.until),
        ..file
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Mistake> {
    std::fs::read(path).map_err(|error| Mistake::Read { path: path.to_owned(), error })
}
