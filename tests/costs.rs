//! What a request costs in numbers that do not depend on the machine: calls to the host, allocations of the host, and copies of a body.
//!
//! A change of these numbers is a change of speed. Whoever makes one fewer lowers the number here; whoever needs one more says why.

use crate::support::{builder, requests, wasi};
use allocation_counter::{AllocationInfo, measure};
use fantail::{Body, BodyMode, Harness, Policy, Wasi};
use fantail_origin::Origin;
use futures::StreamExt;
use std::thread;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

/// What requests cost together.
#[derive(Clone, Copy, Debug)]
struct Cost {
    host_calls: u64,
    allocations: u64,
    bytes: u64,
}

/// An origin with a thread of its own: what it allocates does not count.
struct Elsewhere {
    base: String,
    _stop: oneshot::Sender<()>,
}

impl Elsewhere {
    fn start() -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = std::sync::mpsc::channel();
        thread::spawn(move || {
            runtime().block_on(async {
                let origin = Origin::start().await.unwrap();
                tell.send(origin.url("")).unwrap();
                let _ = stopped.await;
            });
        });
        Self { base: told.recv().unwrap(), _stop: stop }
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// The cost of a request, one after the other: of as many beyond the first `few`, in which caches fill and tables grow.
fn cost_per_request(path: &str, body: BodyMode, few: usize) -> Cost {
    let (runtime, origin) = (runtime(), Elsewhere::start());
    let harness = builder().build().unwrap();
    let policy = Policy { concurrency: Some(1), body: Some(body), ..Policy::default() };
    let cost = |count| {
        let urls = vec![format!("{}{path}", origin.base.trim_end_matches('/')); count];
        let mut host_calls = 0;
        let AllocationInfo { count_total, bytes_total, .. } = measure(|| {
            host_calls = runtime.block_on(calls_of(&harness, urls, &policy));
        });
        Cost { host_calls, allocations: count_total, bytes: bytes_total }
    };
    cost(few);
    let (first, twice) = (cost(few), cost(2 * few));
    // Rounded: a table may grow once in between.
    let each = |first: u64, twice: u64| (twice - first + few as u64 / 2) / few as u64;
    Cost {
        host_calls: each(first.host_calls, twice.host_calls),
        allocations: each(first.allocations, twice.allocations),
        bytes: each(first.bytes, twice.bytes),
    }
}

/// Runs a batch, and returns how many calls its instance made to the host.
async fn calls_of(harness: &Harness, urls: Vec<String>, policy: &Policy) -> u64 {
    let mut outcomes = harness.fetch(requests(urls), policy).await.unwrap();
    while let Some(outcome) = outcomes.next().await {
        let response = outcome.result.unwrap();
        if let Body::Unread(mut body) = response.body {
            while body.next().await.transpose().unwrap().is_some() {}
        }
    }
    outcomes.report().await.receipt.host_calls
}

/// The least of three measurements: on a busy machine a response may arrive in more pieces.
fn least(path: &str, body: BodyMode, few: usize) -> Cost {
    let costs = [(); 3].map(|()| cost_per_request(path, body, few));
    let least = |of: fn(&Cost) -> u64| costs.iter().map(of).min().unwrap();
    Cost {
        host_calls: least(|cost| cost.host_calls),
        allocations: least(|cost| cost.allocations),
        bytes: least(|cost| cost.bytes),
    }
}

/// For each body mode: calls to the host, and allocations of the host.
#[test]
fn a_small_response_costs_as_many_calls_and_allocations_as_are_written_here() {
    let expected = match wasi() {
        Wasi::P2 => [(BodyMode::Bytes, 26, 125), (BodyMode::Discard, 26, 124), (BodyMode::Unread, 34, 164)],
        Wasi::P3 => [(BodyMode::Bytes, 22, 211), (BodyMode::Discard, 22, 210), (BodyMode::Unread, 24, 241)],
    };
    for (body, host_calls, allocations) in expected {
        let cost = least("/ok", body, 100);
        assert_eq!(cost.host_calls, host_calls, "{body:?}: {cost:?}");
        // A response that arrives in two pieces needs a few more.
        assert!(cost.allocations.abs_diff(allocations) <= 3, "{body:?}: {cost:?}, not {allocations} allocations");
    }
}

/// In tenths of the body's length, as the host allocates them. What the component holds is in a memory of its own.
#[test]
fn a_body_of_a_megabyte_is_copied_no_more_often_than_is_written_here() {
    const BODY: u64 = 1_000_000;
    let expected = match wasi() {
        Wasi::P2 => [(BodyMode::Bytes, 28), (BodyMode::Discard, 1), (BodyMode::Unread, 16)],
        Wasi::P3 => [(BodyMode::Bytes, 21), (BodyMode::Discard, 1), (BodyMode::Unread, 25)],
    };
    for (body, tenths) in expected {
        let cost = least("/bytes/1000000", body, 10);
        assert!(cost.bytes <= tenths * BODY / 10, "{body:?}: {cost:?}");
    }
}
