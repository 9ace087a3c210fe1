//! Figures of the harness, one JSON object per line: how late timeouts are, how soon everything is closed when the reader leaves, and
//! what a request in flight costs. `cargo xtask figures` collects them.

#![allow(clippy::expect_used, clippy::print_stdout, reason = "a benchmark")]

use fantail::{
    Approved, Connect, Egress, Harness, Outcome, Policy, Request, Resolve, ResolveError, TcpConnector, Transport,
};
use fantail_origin::Origin;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use serde_json::json;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);

/// What every timeout is set to.
const TIMEOUT: Duration = Duration::from_millis(100);

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let origin = Origin::start().await.expect("an origin");
    overruns(&origin).await;
    // One of its own: the first still drips into what was closed long ago.
    closing(&Origin::start().await.expect("an origin")).await;
    for in_flight in [64, 1_000, 4_000] {
        memory(&origin, in_flight).await;
    }
}

/// Resolves nothing, ever.
struct Silence;

impl Resolve for Silence {
    fn resolve(&self, _: &str) -> BoxFuture<'static, Result<Vec<IpAddr>, ResolveError>> {
        std::future::pending().boxed()
    }
}

/// Connects to 127.0.0.1, and to nothing else, ever.
struct Selective;

impl Connect for Selective {
    fn connect(&self, to: Approved) -> BoxFuture<'static, std::io::Result<Box<dyn Transport>>> {
        if to.address().ip().is_loopback() && to.address().ip() == IpAddr::from([127, 0, 0, 1]) {
            TcpConnector.connect(to)
        } else {
            std::future::pending().boxed()
        }
    }
}

fn harness() -> Harness {
    let egress = Egress::nothing().allow("127.0.0.0/8".parse().expect("a network"));
    Harness::builder(egress).resolver(Silence).connector(Selective).build().expect("a harness")
}

async fn run(harness: &Harness, requests: Vec<Request>, policy: &Policy) -> Vec<Outcome> {
    harness.fetch(futures::stream::iter(requests), policy).await.expect("a policy within bounds").collect().await
}

/// How much later than its timeout an outcome comes, by the phase that the timeout is of.
async fn overruns(origin: &Origin) {
    let harness = harness();
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let tls = format!("https://{}/", silent.local_addr().expect("bound"));
    let open = Policy::default();
    let connect = || Policy { connect_timeout: Some(TIMEOUT), ..open.clone() };
    for (phase, url, policy) in [
        ("resolve", "http://silent.test/".to_owned(), connect()),
        ("connect", "http://127.9.9.9/".to_owned(), connect()),
        ("tls", tls, connect()),
        ("head", origin.url("/hang"), Policy { head_timeout: Some(TIMEOUT), ..open.clone() }),
        ("body", origin.url("/drip/60000"), Policy { idle_timeout: Some(TIMEOUT), ..open.clone() }),
        ("attempt", origin.url("/hang"), Policy { attempt_timeout: Some(TIMEOUT), ..open.clone() }),
        ("total", origin.url("/hang"), Policy { timeout: Some(TIMEOUT), ..open.clone() }),
        ("deadline", origin.url("/hang"), Policy { deadline: Some(TIMEOUT), ..open.clone() }),
    ] {
        let mut late = Vec::new();
        for _ in 0..5 {
            // In one go, so that none waits for a slot.
            let requests = (0..50).map(|id| Request::get(id, &url)).collect();
            let outcomes = run(&harness, requests, &policy).await;
            assert!(outcomes.iter().all(|outcome| outcome.result.is_err()), "{phase}");
            late.extend(outcomes.iter().map(|outcome| outcome.timing.total.saturating_sub(TIMEOUT)));
        }
        println!("{}", json!({"figure": "overrun", "phase": phase, "timeout_ms": 100, "late_us": spread(late)}));
    }
}

/// From the reader's leaving to the last connection closed, 64 in flight.
async fn closing(origin: &Origin) {
    let harness = harness();
    let mut took = Vec::new();
    for _ in 0..50 {
        let requests: Vec<Request> = (0..64).map(|id| Request::get(id, origin.url("/hang"))).collect();
        let policy = Policy::default();
        let mut outcomes = harness.fetch(futures::stream::iter(requests), &policy).await.expect("within bounds");
        let asked = tokio::time::timeout(5_000 * MS, async {
            while origin.counts().in_flight < 64 {
                let _ = tokio::time::timeout(MS, outcomes.next()).await;
            }
        });
        asked.await.expect("all are in flight");
        let left = Instant::now();
        drop(outcomes);
        while origin.counts().open > 0 {
            tokio::task::yield_now().await;
        }
        took.push(left.elapsed());
    }
    println!("{}", json!({"figure": "closing", "in_flight": 64, "took_us": spread(took)}));
}

/// What a request in flight costs. The process holds both ends of each connection, and the origin's task.
async fn memory(origin: &Origin, in_flight: u32) {
    let harness = harness();
    run(&harness, vec![Request::get(0, origin.url("/ok"))], &Policy::default()).await;
    let before = resident();
    let policy = Policy { concurrency: Some(in_flight), window: Some(in_flight), ..Policy::default() };
    let requests = (0..u64::from(in_flight)).map(|id| Request::get(id, origin.url("/delay/2000")));
    let mut outcomes =
        harness.fetch(futures::stream::iter(requests.collect::<Vec<_>>()), &policy).await.expect("within bounds");
    let first = outcomes.next().await.expect("an outcome");
    let peak = resident();
    let mut ids = BTreeSet::from([first.id]);
    let mut doubled = 0_u64;
    while let Some(outcome) = outcomes.next().await {
        doubled += u64::from(!ids.insert(outcome.id));
    }
    let report = outcomes.report().await;
    println!(
        "{}",
        json!({
            "figure": "in flight",
            "requests": in_flight,
            "component_bytes_each": report.receipt.memory / u64::from(in_flight),
            "process_bytes_each": peak.saturating_sub(before) / u64::from(in_flight),
            "lost": u64::from(in_flight) - ids.len() as u64,
            "doubled": doubled,
        })
    );
}

fn spread(mut spans: Vec<Duration>) -> serde_json::Value {
    spans.sort_unstable();
    let at = |percent: usize| spans.get((spans.len() - 1) * percent / 100).map_or(0, Duration::as_micros);
    json!({"p50": at(50) as u64, "p99": at(99) as u64, "max": at(100) as u64})
}

/// Bytes of memory that the process holds (proc(5)).
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() * 1_024
}
