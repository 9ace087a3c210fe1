//! Compares the same fan-out through the component, with hyper-util's client and with reqwest, against the same origin in the same
//! run. Only ratios are meaningful: absolute figures depend on the machine.

#![allow(clippy::expect_used, clippy::print_stdout, reason = "a benchmark")]

mod origin;

use criterion::{BenchmarkId, Criterion, Throughput};
use fantail::{Egress, Harness, Policy, Wasi};
use fantail_engine::Request;
use futures::{Stream, StreamExt};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use std::collections::BTreeMap;
use std::future::Future;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Requests in flight.
const CONCURRENCY: u32 = 100;
/// Requests in one measured round.
const ROUND: u64 = 10_000;

fn main() {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let url = origin::start();
    let mut criterion = Criterion::default().configure_from_args();
    let mut measured = BTreeMap::new();
    {
        let mut group = criterion.benchmark_group("fan_out");
        group.throughput(Throughput::Elements(ROUND)).sample_size(20).measurement_time(Duration::from_secs(10));
        let mut bench = |name: &'static str, round: &mut dyn FnMut() -> Duration| {
            let times: &mut Vec<Duration> = measured.entry(name).or_default();
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                bencher.iter_custom(|rounds| (0..rounds).map(|_| round()).inspect(|time| times.push(*time)).sum());
            });
        };
        let (component, component_p2) = (Component::new(Wasi::P3), Component::new(Wasi::P2));
        bench("component", &mut || time(&runtime, component.round(&url)));
        bench("component, WASI 0.2", &mut || time(&runtime, component_p2.round(&url)));
        bench("component, discarded", &mut || time(&runtime, component.discarding().round(&url)));
        let hyper = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
        bench("hyper-util", &mut || time(&runtime, with_hyper(&hyper, &url)));
        let reqwest = reqwest::Client::builder().no_proxy().build().expect("a client");
        bench("reqwest", &mut || time(&runtime, with_reqwest(&reqwest, &url)));
        group.finish();
    }
    criterion.final_summary();
    print(&measured);
    if std::env::args().any(|argument| argument == "--bench") {
        print_by_concurrency(&runtime, &url);
    }
}

/// Prints the cost of a request through either component by concurrency: the median of five rounds each, in turns.
fn print_by_concurrency(runtime: &Runtime, url: &str) {
    println!("\n{:>9} {:>16} {:>16}   us/request", "in flight", "WASI 0.2", "WASI 0.3");
    for in_flight in [10, 32, 100, 320, 1_000, 2_048, 4_096] {
        let components = [Wasi::P2, Wasi::P3].map(|wasi| Component::new(wasi).with_concurrency(in_flight));
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..5 {
            for (component, times) in components.iter().zip(&mut times) {
                times.push(time(runtime, component.round(url)));
            }
        }
        let [p2, p3] = times.map(|mut times| {
            times.sort_unstable();
            times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1e6 / ROUND as f64)
        });
        println!("{in_flight:>9} {p2:>16.1} {p3:>16.1}");
    }
}

fn time(runtime: &Runtime, round: impl Future<Output = u64>) -> Duration {
    let start = Instant::now();
    assert_eq!(runtime.block_on(round), ROUND, "every request has its response");
    start.elapsed()
}

struct Component {
    harness: Harness,
    policy: Policy,
}

impl Component {
    fn new(wasi: Wasi) -> Self {
        let loopback = "127.0.0.0/8".parse().expect("a network");
        let egress = Egress::nothing().allow(loopback);
        let harness = Harness::builder(egress).wasi(wasi).build().expect("a harness");
        Self { harness, policy: Policy { concurrency: Some(CONCURRENCY), ..Policy::default() } }
    }

    fn with_concurrency(self, in_flight: u32) -> Self {
        let policy = Policy { concurrency: Some(in_flight), window: Some(2 * in_flight), ..self.policy };
        Self { policy, ..self }
    }

    fn discarding(&self) -> Self {
        let policy = Policy { body: Some(fantail::BodyMode::Discard), ..self.policy.clone() };
        Self { harness: self.harness.clone(), policy }
    }

    async fn round(&self, url: &str) -> u64 {
        let url = url.to_owned();
        let requests = futures::stream::iter((0..ROUND).map(move |id| Request::get(id, url.clone())));
        let outcomes = self.harness.fetch(requests, &self.policy).await.expect("a good policy");
        outcomes.filter(|outcome| std::future::ready(outcome.result.is_ok())).count().await as u64
    }
}

async fn with_hyper(
    client: &Client<hyper_util::client::legacy::connect::HttpConnector, Empty<bytes::Bytes>>,
    url: &str,
) -> u64 {
    let url: http::Uri = url.parse().expect("a URL");
    count((0..ROUND).map(|_| async {
        let response = client.get(url.clone()).await.ok()?;
        response.into_body().collect().await.ok().map(|body| body.to_bytes().len())
    }))
    .await
}

async fn with_reqwest(client: &reqwest::Client, url: &str) -> u64 {
    count((0..ROUND).map(|_| async { client.get(url).send().await.ok()?.bytes().await.ok().map(|body| body.len()) }))
        .await
}

async fn count<T>(requests: impl Iterator<Item = impl Future<Output = Option<T>>>) -> u64 {
    let responses = futures::stream::iter(requests).buffer_unordered(CONCURRENCY as usize);
    count_responses(responses).await
}

async fn count_responses<T>(responses: impl Stream<Item = Option<T>>) -> u64 {
    responses.filter(|response| std::future::ready(response.is_some())).count().await as u64
}

fn print(measured: &BTreeMap<&str, Vec<Duration>>) {
    let median = |times: &Vec<Duration>| {
        let mut times = times.clone();
        times.sort_unstable();
        times.get(times.len() / 2).map(|time| time.as_secs_f64() / ROUND as f64)
    };
    let Some(native) = measured.get("hyper-util").and_then(median) else { return };
    println!("\n{:<22} {:>12} {:>12} {:>14}", "", "requests/s", "us/request", "x hyper-util");
    for (name, times) in measured {
        if let Some(each) = median(times) {
            println!("{name:<22} {:>12.0} {:>12.1} {:>14.2}", 1.0 / each, each * 1e6, each / native);
        }
    }
}
