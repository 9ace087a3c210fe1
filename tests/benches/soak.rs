//! A million requests through one harness, one in a hundred for each fault: counts lost and duplicate outcomes, and what grows.
//! `cargo xtask soak [REQUESTS [FROM]]` runs it; an interrupted run can be continued with the `to` of its last line as `FROM`.

#![allow(clippy::expect_used, clippy::print_stdout, reason = "a benchmark")]

mod resident;

use fantail::{Egress, Harness, Policy};
use fantail_engine::Request;
use fantail_origin::Origin;
use futures::StreamExt;
use resident::resident_kib;
use serde_json::json;
use std::time::{Duration, Instant};

/// Requests per batch, each of which prints one line.
const BATCH: u64 = 50_000;

/// Each takes one in a hundred requests; all others go to `/ok`.
const FAULTS: [&str; 10] = [
    "/close",
    "/reset",
    "/short",
    "/garbage",
    "/headers/1000",
    "/bytes/5000",
    "/status/503",
    "/hang",
    "/drip/300",
    "/delay/50",
];

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<u64>().ok());
    let (requests, from) = (numbers.next().unwrap_or(1_000_000), numbers.next().unwrap_or(0));
    let origin = Origin::start().await.expect("an origin");
    let egress = Egress::nothing().allow("127.0.0.0/8".parse().expect("a network"));
    let harness = Harness::builder(egress).build().expect("a harness");
    let timeout = Duration::from_millis(100);
    let policy = Policy {
        concurrency: Some(200),
        max_body: Some(4_000),
        head_timeout: Some(timeout),
        idle_timeout: Some(timeout),
        retries: Some(1),
        backoff: Some(Duration::from_millis(1)),
        ..Policy::default()
    };
    let mut next = from;
    while next < requests {
        let to = requests.min(next + BATCH);
        let start = Instant::now();
        let urls: Vec<String> = FAULTS.iter().map(|path| origin.url(path)).collect();
        let ok = origin.url("/ok");
        let input = (next..to).map(move |id| {
            let fault = usize::try_from(id % 100).ok().and_then(|index| urls.get(index));
            Request::get(id, fault.unwrap_or(&ok).clone())
        });
        let mut outcomes = harness.fetch(futures::stream::iter(input), &policy).await.expect("within bounds");
        let mut seen = vec![0_u8; usize::try_from(to - next).unwrap_or_default()];
        let mut failed = 0_u64;
        while let Some(outcome) = outcomes.next().await {
            failed += u64::from(outcome.result.is_err());
            if let Some(count) = usize::try_from(outcome.id - next).ok().and_then(|index| seen.get_mut(index)) {
                *count = count.saturating_add(1);
            }
        }
        let lost = seen.iter().filter(|count| **count == 0).count();
        let doubled = seen.iter().filter(|count| **count > 1).count();
        let receipt = outcomes.report().await.receipt;
        println!(
            "{}",
            json!({
                "figure": "soak",
                "from": next,
                "to": to,
                "seconds": start.elapsed().as_secs_f64(),
                "failed": failed,
                "lost": lost,
                "doubled": doubled,
                "resident_kib": resident_kib(),
                "files": std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count),
                "component_bytes": receipt.memory,
            })
        );
        next = to;
    }
}
