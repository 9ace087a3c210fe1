//! The application beside the same fan-out written by hand with spin-sdk: both served by the same host, asking the same
//! origin, in the same run. What counts is the ratio: absolute figures are those of the machine.

#![allow(clippy::expect_used, clippy::print_stdout, reason = "a benchmark")]

mod origin;

use bytes::Bytes;
use component_builder::{build, target_dir};
use criterion::{BenchmarkId, Criterion, Throughput};
use fantail::{Egress, Harness, Service, ServiceOptions};
use http::Request;
use http_body_util::{BodyExt, Full};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Requests in one measured batch.
const BATCH: usize = 2_000;

fn main() {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let url = origin::start();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above");
    let by_hand = build(root, "fantail-example-by-hand", &target_dir(root)).expect("a component");
    let by_hand = service(Some(by_hand));
    let application = service(None);
    let mut criterion = Criterion::default().configure_from_args();
    let mut measured: BTreeMap<String, Vec<Duration>> = BTreeMap::new();
    for concurrency in [16, 64] {
        let mut group = criterion.benchmark_group(format!("application, {concurrency} in flight"));
        group.throughput(Throughput::Elements(BATCH as u64)).sample_size(20).measurement_time(Duration::from_secs(8));
        let urls = vec![url.clone(); BATCH];
        let own = serde_json::json!({"policy": {"concurrency": concurrency}, "requests": urls}).to_string();
        let theirs = serde_json::json!({"concurrency": concurrency, "requests": urls}).to_string();
        // By hand there is no summary.
        for (name, service, batch, lines) in
            [("application", &application, own, BATCH + 1), ("by hand", &by_hand, theirs, BATCH)]
        {
            let times = measured.entry(format!("{name}, {concurrency} in flight")).or_default();
            let batch = Bytes::from(batch);
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                let round = |_| time(&runtime, service, &batch, lines);
                bencher.iter_custom(|rounds| (0..rounds).map(round).inspect(|time| times.push(*time)).sum());
            });
        }
        group.finish();
    }
    criterion.final_summary();
    print(&measured);
}

fn service(component: Option<Vec<u8>>) -> Service {
    let builder = Harness::builder(Egress::nothing().allow("127.0.0.0/8".parse().expect("a network")));
    let builder = component.into_iter().fold(builder, fantail::Builder::component);
    let variables = vec![("api_token".to_owned(), "secret".to_owned())];
    let options = ServiceOptions { variables, instances: 1, ..ServiceOptions::default() };
    builder.build_service(options).expect("a service")
}

/// How long one batch takes, to the end of its answer.
fn time(runtime: &Runtime, service: &Service, batch: &Bytes, lines: usize) -> Duration {
    let request = Request::post("http://edge.test/").header("content-type", "application/json");
    let request = request.header("authorization", "Bearer secret").body(Full::new(batch.clone())).expect("a request");
    let start = Instant::now();
    let body = runtime.block_on(async { service.handle(request).await.into_body().collect().await });
    let took = start.elapsed();
    let body = body.expect("a whole answer").to_bytes();
    assert_eq!(body.iter().filter(|byte| **byte == b'\n').count(), lines, "a line for each");
    assert_eq!(body.windows(12).filter(|window| *window == b"\"status\":200").count(), BATCH, "each a response");
    took
}

fn print(measured: &BTreeMap<String, Vec<Duration>>) {
    let median = |name: &str| {
        let mut times = measured.get(name)?.clone();
        times.sort_unstable();
        times.get(times.len() / 2).map(|time| time.as_secs_f64() / BATCH as f64)
    };
    println!("\n{:<28} {:>12} {:>12} {:>14}", "", "requests/s", "us/request", "x by hand");
    for name in measured.keys() {
        let by_hand = name.split_once(',').and_then(|(_, rest)| median(&format!("by hand,{rest}")));
        if let (Some(each), Some(by_hand)) = (median(name), by_hand) {
            println!("{name:<28} {:>12.0} {:>12.1} {:>14.2}", 1.0 / each, each * 1e6, by_hand / each);
        }
    }
}
