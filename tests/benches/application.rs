//! Compares the application, the same fan-out written by hand with spin-sdk, the harness alone and a native client, by body size. They fetch
//! from the same origin in turns, in the same run. Only ratios are meaningful: absolute figures depend on the machine.

#![allow(clippy::expect_used, clippy::print_stdout, reason = "a benchmark")]

mod origin;
mod turns;

use bytes::Bytes;
use component_builder::{build, target_dir};
use fantail::{Egress, Harness, Policy, Service, ServiceOptions, Wasi};
use futures::StreamExt;
use http::Request;
use http_body_util::{BodyExt, Empty, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use turns::Variant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Requests in flight.
const CONCURRENCY: u32 = 64;

/// Body size in bytes, and requests per round.
const SIZES: [(usize, usize); 5] = [(11, 2_000), (1_024, 2_000), (16_384, 1_000), (100_000, 300), (1 << 20, 60)];

/// The variants to compare. Costs are printed as multiples of the first.
const VARIANTS: [&str; 5] = ["by hand", "application", "harness, WASI 0.3", "harness, WASI 0.2", "native"];

fn main() {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let variants = Variants::new();
    let base = origin::start().trim_end_matches("/ok").to_owned();
    let (runtime, variants) = (&runtime, &variants);
    for (size, count) in SIZES {
        let url = &format!("{base}/bytes/{size}");
        let mut measured = VARIANTS
            .map(|name| -> Variant<'_> { (name, Box::new(move || variants.time(runtime, name, url, count, size))) });
        let title = format!("a request of a batch, {CONCURRENCY} in flight, {size} bytes");
        turns::print(&title, ("us", 1e6), count as u64, "by hand", &mut measured);
    }
}

struct Variants {
    application: Service,
    by_hand: Service,
    harnesses: [Harness; 2],
    native: Client<HttpConnector, Empty<Bytes>>,
}

impl Variants {
    fn new() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace is above");
        let by_hand = build(root, "fantail-example-by-hand", &target_dir(root)).expect("a component");
        Self {
            application: service(None),
            by_hand: service(Some(by_hand)),
            harnesses: [Wasi::P3, Wasi::P2].map(|wasi| builder().wasi(wasi).build().expect("a harness")),
            native: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// Measures one batch.
    fn time(&self, runtime: &Runtime, variant: &str, url: &str, count: usize, size: usize) -> Duration {
        let urls = vec![url; count];
        match variant {
            "application" => {
                let batch = serde_json::json!({"policy": {"concurrency": CONCURRENCY}, "requests": urls});
                // One more line, for the summary.
                post(runtime, &self.application, &batch.to_string(), count, count + 1)
            }
            "by hand" => {
                let batch = serde_json::json!({"concurrency": CONCURRENCY, "requests": urls});
                post(runtime, &self.by_hand, &batch.to_string(), count, count)
            }
            "harness, WASI 0.3" => fetch(runtime, &self.harnesses[0], url, count),
            "harness, WASI 0.2" => fetch(runtime, &self.harnesses[1], url, count),
            _ => self.fetch_natively(runtime, url, count, size),
        }
    }

    fn fetch_natively(&self, runtime: &Runtime, url: &str, count: usize, size: usize) -> Duration {
        let url: http::Uri = url.parse().expect("a URL");
        let get = |_| async {
            let response = self.native.get(url.clone()).await.expect("a response");
            response.into_body().collect().await.expect("a body").to_bytes().len()
        };
        let start = Instant::now();
        let complete = futures::stream::iter((0..count).map(get)).buffer_unordered(CONCURRENCY as usize);
        let complete = runtime.block_on(complete.filter(|length| std::future::ready(*length == size)).count());
        let took = start.elapsed();
        assert_eq!(complete, count, "every body is complete");
        took
    }
}

fn builder() -> fantail::Builder {
    Harness::builder(Egress::nothing().allow("127.0.0.0/8".parse().expect("a network")))
}

fn service(component: Option<Vec<u8>>) -> Service {
    let builder = component.into_iter().fold(builder(), fantail::Builder::component);
    let variables = vec![("api_token".to_owned(), "secret".to_owned())];
    let options = ServiceOptions { variables, instances: 1, ..ServiceOptions::default() };
    builder.build_service(options).expect("a service")
}

fn post(runtime: &Runtime, service: &Service, batch: &str, count: usize, lines: usize) -> Duration {
    let request = Request::post("http://edge.test/").header("content-type", "application/json");
    let request = request.header("authorization", "Bearer secret");
    let request = request.body(Full::new(Bytes::from(batch.to_owned()))).expect("a request");
    let start = Instant::now();
    let body = runtime.block_on(async { service.handle(request).await.into_body().collect().await });
    let took = start.elapsed();
    let body = body.expect("a complete answer").to_bytes();
    assert_eq!(body.iter().filter(|byte| **byte == b'\n').count(), lines, "a line for each");
    assert_eq!(
        body.windows(12).filter(|window| *window == b"\"status\":200").count(),
        count,
        "every request has a response"
    );
    took
}

fn fetch(runtime: &Runtime, harness: &Harness, url: &str, count: usize) -> Duration {
    let policy = Policy { concurrency: Some(CONCURRENCY), ..Policy::default() };
    let url = url.to_owned();
    let requests =
        futures::stream::iter((0..count as u64).map(move |id| fantail_engine::Request::get(id, url.clone())));
    let start = Instant::now();
    let complete = runtime.block_on(async {
        let outcomes = harness.fetch(requests, &policy).await.expect("a good policy");
        outcomes.filter(|outcome| std::future::ready(outcome.result.is_ok())).count().await
    });
    let took = start.elapsed();
    assert_eq!(complete, count, "every request has a response");
    took
}
