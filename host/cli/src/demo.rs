//! `fantail demo`: a first run without any setup.

use super::arguments::Demo;
use super::egress::cached;
use super::progress::Progress;
use super::run::{Plan, Sink};
use super::{Exit, run, say};
use fantail::{Egress, Harness, Order, Policy, Request, Until};
use fantail_origin::Origin;
use fantail_wire as wire;
use ipnet::{IpNet, Ipv4Net};
use std::collections::BTreeSet;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

const REQUESTS: u64 = 1_000;

/// How many of every hundred requests go to which path. The others go to `/ok`.
const FAULTS: [(u64, &str); 9] = [
    (8, "/delay/50"),
    (4, "/status/404"),
    (4, "/status/503"),
    (2, "/close"),
    (2, "/reset"),
    (1, "/short"),
    (1, "/garbage"),
    (1, "/hang"),
    (1, "/bytes/2000000"),
];

pub(crate) async fn run(demo: Demo) -> Exit {
    match try_run(&demo).await {
        Ok(exit) => exit,
        Err(error) => Exit::usage(error),
    }
}

async fn try_run(demo: &Demo) -> Result<Exit, Box<dyn std::error::Error>> {
    let origin = Origin::start().await?;
    say(format_args!("{REQUESTS} requests to a faulty origin on {}, one line of each kind:\n", origin.address()));
    let loopback = IpNet::V4(Ipv4Net::new(Ipv4Addr::LOCALHOST, 8)?);
    let harness = cached(Harness::builder(Egress::nothing().allow(loopback))).build()?;
    let policy = Policy {
        concurrency: Some(demo.concurrency),
        head_timeout: Some(Duration::from_millis(500)),
        ..Policy::default()
    };
    let requests: Vec<Request> = (0..REQUESTS).map(|index| Request::get(origin.url(path(index)))).collect();
    let outcomes = harness.fetch(futures::stream::iter(requests), &policy).await?;
    let progress = Progress::new(demo.display, Some(REQUESTS));
    let plan = Plan { order: Order::Completion, until: Until::All, folder: None };
    Ok(run::run(outcomes, &plan, progress, &mut OneOfEachKind::default()).await.exit)
}

/// The path of a request. Faults are spread evenly: 37 and 100 have no common divisor.
fn path(index: u64) -> &'static str {
    let mut index = index * 37 % 100;
    for (share, path) in FAULTS {
        match index.checked_sub(share) {
            None => return path,
            Some(remaining) => index = remaining,
        }
    }
    "/ok"
}

/// Prints the first outcome of each status and of each cause.
#[derive(Default)]
struct OneOfEachKind {
    seen: BTreeSet<String>,
}

impl Sink for OneOfEachKind {
    async fn take(&mut self, outcomes: Vec<wire::Outcome>) -> io::Result<()> {
        let mut stdout = tokio::io::stdout();
        for outcome in outcomes {
            let kind = match &outcome.result {
                Ok(response) => response.status.to_string(),
                Err(failure) => failure.cause.name().to_owned(),
            };
            if self.seen.insert(kind) {
                let line = wire::outcome_to_json(outcome) + "\n";
                stdout.write_all(line.as_bytes()).await?;
            }
        }
        stdout.flush().await
    }
}
