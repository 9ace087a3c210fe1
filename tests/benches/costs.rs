//! What a request costs: natively, with the same engine in and out of the sandbox, by requests in flight and by policy; and what the program
//! costs beside others. Prints tables; only what is in the same table can be compared.

#![allow(clippy::expect_used, clippy::print_stdout, reason = "a benchmark")]

mod mocked;
mod native;
mod origin_process;
mod programs;
mod turns;

use fantail::{Egress, Harness, Policy, PoolLimits, Wasi};
use fantail_engine::Request;
use futures::StreamExt;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use mocked::Mocked;
use native::NativeEngine;
use origin_process::OriginProcess;
use std::future::Future;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use turns::Variant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Requests in one round.
const ROUND: u64 = 10_000;

/// Keeps every connection from one round to the next, as hyper-util's client does.
fn pool() -> PoolLimits {
    PoolLimits { max_idle: 8_192, ..PoolLimits::default() }
}

/// Microseconds in a second.
const US: (&str, f64) = ("us", 1e6);

fn main() {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    if runtime.block_on(origin_process::serve_if_origin()) {
        return;
    }
    let origin = OriginProcess::start();
    let url = origin.url("/ok");
    clients(&runtime, &url);
    in_flight(&runtime, &url);
    policies(&runtime, &url);
    workers(&runtime);
    programs::print(&origin);
}

/// Clients beside each other, 100 requests in flight.
fn clients(runtime: &Runtime, url: &str) {
    let hyper = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
    let reqwest = reqwest::Client::builder().no_proxy().build().expect("a client");
    let with_reqwest =
        || count(100, || async { reqwest.get(url).send().await.ok()?.bytes().await.ok().map(|body| body.len()) });
    let native = NativeEngine::new(policy(100));
    let [p2, p3] = [Wasi::P2, Wasi::P3].map(|wasi| Component::new(wasi, policy(100)));
    let mut variants: [Variant<'_>; 5] = [
        ("hyper-util", Box::new(|| time(runtime, with_hyper(&hyper, url, 100)))),
        ("reqwest", Box::new(|| time(runtime, with_reqwest()))),
        ("engine and sender, natively", Box::new(|| time(runtime, native.round(url, ROUND)))),
        ("harness, WASI 0.2", Box::new(|| time(runtime, p2.round(url)))),
        ("harness, WASI 0.3", Box::new(|| time(runtime, p3.round(url)))),
    ];
    turns::print("a request, 100 in flight, 11 bytes", US, ROUND, "hyper-util", &mut variants);
}

/// Many requests in flight beside few.
fn in_flight(runtime: &Runtime, url: &str) {
    for many in [1_000, 4_000] {
        let hyper =
            [64, many].map(|count| (Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>(), count));
        let natively = [64, many].map(|in_flight| NativeEngine::new(policy(in_flight)));
        let [p2, p3] = [Wasi::P2, Wasi::P3].map(|wasi| [64, many].map(|count| Component::new(wasi, policy(count))));
        print_few_and_many(
            many,
            "hyper-util",
            hyper.each_ref().map(|(client, count)| || time(runtime, with_hyper(client, url, *count as usize))),
        );
        print_few_and_many(
            many,
            "engine and sender, natively",
            natively.each_ref().map(|engine| || time(runtime, engine.round(url, ROUND))),
        );
        print_few_and_many(
            many,
            "harness, WASI 0.2",
            p2.each_ref().map(|component| || time(runtime, component.round(url))),
        );
        print_few_and_many(
            many,
            "harness, WASI 0.3",
            p3.each_ref().map(|component| || time(runtime, component.round(url))),
        );
    }
}

fn print_few_and_many<F: FnMut() -> Duration>(many: u32, name: &str, [few, more]: [F; 2]) {
    let (title, many) = (format!("{name}, by requests in flight"), many.to_string());
    turns::print(&title, US, ROUND, "64", &mut [("64", Box::new(few)), (&many, Box::new(more))]);
}

/// Every rule of a policy that decides about each request, and none.
fn policies(runtime: &Runtime, url: &str) {
    let none = Policy { retries: Some(0), ..policy(100) };
    let rules = Policy {
        retries: Some(2),
        rate: Some(100_000),
        burst: Some(100_000),
        per_origin_floor: Some(50),
        breaker_percent: Some(50),
        ..policy(100)
    };
    let hedging = Policy { hedge: Some(fantail::Hedge::Auto), ..rules };
    let [none, rules, hedging] = [none, rules, hedging].map(|policy| Component::new(Wasi::P2, policy));
    let mut variants: [Variant<'_>; 3] = [
        ("none", Box::new(|| time(runtime, none.round(url)))),
        ("rate, breaker, adaptive limit, retries", Box::new(|| time(runtime, rules.round(url)))),
        ("with `hedge: auto`", Box::new(|| time(runtime, hedging.round(url)))),
    ];
    turns::print("rules of the policy, WASI 0.2", US, ROUND, "none", &mut variants);
}

/// One worker beside two, with a network that is in memory: what they share is the input and the reader.
fn workers(runtime: &Runtime) {
    let [one, two] = [1, 2].map(|workers| {
        let egress = Egress::nothing().allow("127.0.0.0/8".parse().expect("a network"));
        let harness = Harness::builder(egress).workers(workers).pool(pool()).connector(Mocked).build();
        Component { harness: harness.expect("a harness"), policy: policy(100) }
    });
    let url = "http://127.0.0.1:80/";
    let mut variants: [Variant<'_>; 2] =
        [("one", Box::new(|| time(runtime, one.round(url)))), ("two", Box::new(|| time(runtime, two.round(url))))];
    turns::print("workers, network in memory", US, ROUND, "one", &mut variants);
}

fn policy(in_flight: u32) -> Policy {
    Policy { concurrency: Some(in_flight), window: Some(2 * in_flight), ..Policy::default() }
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
    fn new(wasi: Wasi, policy: Policy) -> Self {
        let egress = Egress::nothing().allow("127.0.0.0/8".parse().expect("a network"));
        let harness = Harness::builder(egress).wasi(wasi).pool(pool()).build();
        Self { harness: harness.expect("a harness"), policy }
    }

    async fn round(&self, url: &str) -> u64 {
        let url = url.to_owned();
        let requests = futures::stream::iter((0..ROUND).map(move |id| Request::get(id, url.clone())));
        let outcomes = self.harness.fetch(requests, &self.policy).await.expect("a good policy");
        outcomes.filter(|outcome| std::future::ready(outcome.result.is_ok())).count().await as u64
    }
}

async fn with_hyper(client: &Client<HttpConnector, Empty<bytes::Bytes>>, url: &str, in_flight: usize) -> u64 {
    let url: http::Uri = url.parse().expect("a URL");
    count(in_flight, || async {
        let response = client.get(url.clone()).await.ok()?;
        response.into_body().collect().await.ok().map(|body| body.to_bytes().len())
    })
    .await
}

/// How many of a round's requests have a response.
async fn count<F: Future<Output = Option<usize>>>(in_flight: usize, get: impl Fn() -> F) -> u64 {
    let responses = futures::stream::iter((0..ROUND).map(|_| get())).buffer_unordered(in_flight);
    responses.filter(|response| std::future::ready(response.is_some())).count().await as u64
}
