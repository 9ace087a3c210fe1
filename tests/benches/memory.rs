//! The memory of requests in flight and of idle connections, of a harness and of hyper-util's client. The origins are in processes of their own.

use crate::origin_process::OriginProcess;
use crate::resident::resident_kib;
use fantail::{Harness, Policy};
use fantail_engine::Request;
use futures::StreamExt;
use futures::future::{join, join_all};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

/// Batches, and the requests of each.
const IN_FLIGHT: [(usize, u32); 3] = [(1, 64), (1, 1_000), (4, 2_500)];

/// Origins, and the connections that are opened to each.
const IDLE: (usize, u32) = (10, 500);

/// How long connections are idle before they are measured: longer than they keep what only a request needs.
const UNUSED: Duration = Duration::from_secs(3);

pub(crate) async fn harness(harness: &Harness) {
    idle(async |origin, count| {
        let outcomes = batch(harness, origin.url("/delay/500"), count).await;
        assert_eq!(outcomes.answered, u64::from(count));
    })
    .await;
    for (batches, each) in IN_FLIGHT {
        in_flight(harness, batches, each).await;
    }
}

pub(crate) async fn hyper_util() {
    println!("{}", json!({"client": "hyper-util"}));
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
    let get = async |url: http::Uri| {
        let response = client.get(url).await.ok()?;
        Some(response.into_body().collect().await.ok()?.to_bytes().len())
    };
    idle(async |origin, count| {
        let url: http::Uri = origin.url("/delay/500").parse().expect("a URL");
        let lengths = join_all((0..count).map(|_| get(url.clone()))).await;
        assert!(lengths.iter().all(Option::is_some));
    })
    .await;
    for (batches, each) in IN_FLIGHT {
        let (origin, requests) = (OriginProcess::start(), batches as u64 * u64::from(each));
        let url: http::Uri = origin.url("/delay/5000").parse().expect("a URL");
        let (lengths, each) = while_sent(requests, || join_all((0..requests).map(|_| get(url.clone())))).await;
        assert!(lengths.iter().all(Option::is_some));
        println!("{}", json!({"figure": "in flight", "requests": requests, "process_bytes_each": each}));
    }
}

/// What a connection takes that nobody uses: it is opened with others to the same origin, and there are more of them with each origin.
async fn idle(connect: impl AsyncFn(&OriginProcess, u32)) {
    let (origins, each) = IDLE;
    let origins: Vec<OriginProcess> = (0..origins).map(|_| OriginProcess::start()).collect();
    let mut resident = Vec::new();
    for origin in &origins {
        connect(origin, each).await;
        tokio::time::sleep(UNUSED).await;
        resident.push(resident_bytes());
    }
    // What else the first two take is there for the others.
    let (first, last) = (resident.get(1).copied().unwrap_or_default(), resident.last().copied().unwrap_or_default());
    let connections = (origins.len() as u64 - 2) * u64::from(each);
    let bytes = last.saturating_sub(first) / connections;
    println!("{}", json!({"figure": "idle connection", "connections": connections, "process_bytes_each": bytes}));
}

/// What a batch took.
struct Measured {
    /// Bytes of the component's memory.
    component: u64,
    answered: u64,
    lost: u64,
    doubled: u64,
}

async fn in_flight(harness: &Harness, batches: usize, each: u32) {
    let origin = OriginProcess::start();
    batch(harness, origin.url("/ok"), 1).await;
    let requests = batches as u64 * u64::from(each);
    let all = || join_all((0..batches).map(|_| batch(harness, origin.url("/delay/5000"), each)));
    let (measured, process) = while_sent(requests, all).await;
    let sum = |of: fn(&Measured) -> u64| measured.iter().map(of).sum::<u64>();
    let figure = json!({
        "figure": "in flight",
        "requests": requests,
        "batches": batches,
        "component_bytes_each": sum(|batch| batch.component) / requests,
        "process_bytes_each": process,
        "lost": sum(|batch| batch.lost),
        "doubled": sum(|batch| batch.doubled),
    });
    println!("{figure}");
}

/// All at once.
async fn batch(harness: &Harness, url: String, count: u32) -> Measured {
    let policy = Policy { concurrency: Some(count), window: Some(count), ..Policy::default() };
    let requests = (0..u64::from(count)).map(|id| Request::get(id, url.as_str())).collect::<Vec<_>>();
    let mut outcomes = harness.fetch(futures::stream::iter(requests), &policy).await.expect("within bounds");
    let (mut ids, mut answered, mut doubled) = (BTreeSet::new(), 0, 0);
    while let Some(outcome) = outcomes.next().await {
        answered += u64::from(outcome.result.is_ok());
        doubled += u64::from(!ids.insert(outcome.id));
    }
    let component = outcomes.report().await.receipt.memory;
    Measured { component, answered, lost: u64::from(count) - ids.len() as u64, doubled }
}

/// The result of `all`, which are so many requests to `/delay/5000`, and what each takes when all have been sent and none is answered.
async fn while_sent<F: Future>(requests: u64, all: impl FnOnce() -> F) -> (F::Output, u64) {
    let before = resident_bytes();
    let (result, resident) = join(all(), async {
        tokio::time::sleep(Duration::from_secs(4)).await;
        resident_bytes()
    })
    .await;
    (result, resident.saturating_sub(before) / requests)
}

fn resident_bytes() -> u64 {
    resident_kib() * 1_024
}
