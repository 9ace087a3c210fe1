//! `fantail demo`: a first run without any setup, told as a story.

mod servers;
mod story;

use super::arguments::Demo;
use super::egress::cached;
use super::in_flight::InFlight;
use super::progress::{Progress, expect};
use super::report::{Exporting, Exports, complete};
use super::run::Plan;
use super::sink::Sink;
use super::store::Stored;
use super::{Exit, run, say};
use fantail::{Egress, End, Harness, Hedge, Order, Policy, Request, Until};
use futures::StreamExt;
use ipnet::{IpNet, Ipv4Net};
use servers::{REQUESTS, Servers};
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;
use story::Story;
use tokio::io::AsyncWriteExt;

pub(crate) async fn run(demo: Demo, verbose: bool) -> Exit {
    match try_run(&demo, verbose).await {
        Ok(exit) => exit,
        Err(error) => Exit::usage(error),
    }
}

/// What the story is about.
fn policy(concurrency: u32) -> Policy {
    Policy {
        concurrency: Some(concurrency),
        // No server can take all slots.
        per_origin: Some(concurrency.div_ceil(4)),
        head_timeout: Some(Duration::from_millis(500)),
        retries: Some(2),
        backoff: Some(Duration::from_millis(20)),
        hedge: Some(Hedge::After(Duration::from_millis(100))),
        breaker_percent: Some(50),
        ..Policy::default()
    }
}

async fn try_run(demo: &Demo, verbose: bool) -> Result<Exit, Box<dyn std::error::Error>> {
    let servers = Servers::start().await?;
    let loopback = IpNet::V4(Ipv4Net::new(Ipv4Addr::LOCALHOST, 8)?);
    let harness = cached(Harness::builder(Egress::nothing().allow(loopback))).build()?;
    let progress = Progress::new(demo.display, verbose);
    let requests: Vec<Request> = servers.urls().map(Request::get).collect();
    let read = progress.read();
    let requests = futures::stream::iter(requests).inspect(move |_| _ = read.fetch_add(1, Ordering::Relaxed));
    let policy = policy(demo.concurrency);
    let outcomes = harness.fetch(requests, &policy).await?;
    if let Some(bar) = progress.bar() {
        expect(&bar, REQUESTS);
    }
    let plan = Plan {
        order: Order::Completion,
        until: Until::All,
        fail: false,
        in_flight: InFlight::default(),
        store: None,
        at_once: 1,
    };
    let mut story = Story::new(&servers);
    let page = new_page()?;
    let mut sink = Exporting { exports: Exports::create(Some(&page), None, false)?, output: Nowhere };
    let ended = run::run(outcomes, &plan, progress, &mut [&mut story], &mut sink).await;
    let written = complete(sink.exports, "fantail demo", (&ended.summary, &ended.report), &policy).await;
    let text = story.tell(&servers, &ended.summary, written.then_some(page.as_path()));
    if let Err(error) = print(&text).await {
        say(format_args!("cannot write: {error}"));
        return Ok(Exit::Failures);
    }
    let complete = matches!(ended.report.end, End::Finished(_)) && ended.summary.requests == REQUESTS;
    // Its servers fail on purpose.
    Ok(match ended.exit {
        Exit::Failures if complete => Exit::Responses,
        exit => exit,
    })
}

/// A name for the page in a new folder that only this user can write to.
fn new_page() -> io::Result<PathBuf> {
    let folder = tempfile::Builder::new().prefix("fantail-demo-").tempdir()?;
    Ok(folder.keep().join("report.html"))
}

async fn print(text: &str) -> io::Result<()> {
    let mut stdout = tokio::io::stdout();
    stdout.write_all(text.as_bytes()).await?;
    stdout.flush().await
}

/// Prints no outcomes: the story is what is printed.
struct Nowhere;

impl Sink for Nowhere {
    async fn take(&mut self, _outcomes: Vec<Stored>) -> io::Result<()> {
        Ok(())
    }
}
