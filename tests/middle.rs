//! The examples that stand between the component and `wasi:http/client`: a policy, a recorder and a replayer, composed and run in a host of
//! plain wasmtime.

use crate::callers::p3::{self, wit};
use crate::composition::names;
use crate::stock::Stock;
use crate::support::build_guest;
use component_builder::compose;
use fantail::{Cause, Failure, Policy};
use fantail_conversions::Convert;
use fantail_engine::{Header, Request, RequestOptions};
use std::time::Duration;
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi::p2::pipe::{MemoryInputPipe, MemoryOutputPipe};

/// All of an outcome that was not measured.
#[derive(Debug, PartialEq, Eq)]
struct Comparable {
    id: u32,
    url: String,
    attempts: u32,
    hops: Vec<String>,
    /// Status, headers and body.
    result: Result<(u16, Vec<Header>, Vec<u8>), Failure>,
}

impl Comparable {
    fn new(outcome: wit::Outcome) -> Self {
        let wit::Outcome { id, url, attempts, hops, result, .. } = outcome;
        let result = result.map_err(Convert::convert).map(|response| match response.body {
            wit::Body::Bytes(body) => (response.status, response.headers, body),
            _ => panic!("not a kept body"),
        });
        Self { id, url, attempts, hops, result }
    }

    fn status(&self) -> Option<u16> {
        self.result.as_ref().ok().map(|(status, ..)| *status)
    }

    fn body(&self) -> String {
        String::from_utf8(self.result.as_ref().unwrap().2.clone()).unwrap()
    }

    fn failure(&self) -> &Failure {
        self.result.as_ref().unwrap_err()
    }
}

/// The outcomes of a batch that passes this example, by id, and how many requests came out behind it.
async fn fetch(example: &str, wasi: WasiCtx, requests: Vec<Request>, policy: &Policy) -> (Vec<Comparable>, usize) {
    let composed = compose(fantail::COMPONENT, &[&build_guest(example)]).unwrap();
    let mut host = Stock::unoptimised(&composed);
    host.set_wasi(wasi);
    let made = p3::Fantail::instantiate_async(&mut host.store, &host.component, &host.linker).await;
    let guest = made.unwrap().fantail_fetch_batch().clone();
    let outcomes = host.store.run_concurrent(async |store| {
        let policy = p3::policy(&guest, store, policy).await.unwrap();
        let requests = p3::requests(&guest, store, requests).await;
        guest.call_fetch_all(store, requests, policy).await.unwrap().unwrap()
    });
    let mut outcomes: Vec<Comparable> = outcomes.await.unwrap().into_iter().map(Comparable::new).collect();
    outcomes.sort_by_key(|outcomes| outcomes.id);
    (outcomes, host.requests_sent())
}

/// The outcomes, and the recording.
async fn record(requests: Vec<Request>, policy: &Policy) -> (Vec<Comparable>, Vec<u8>) {
    let written = MemoryOutputPipe::new(64 << 20);
    let wasi = WasiCtx::builder().stderr(written.clone()).build();
    let (outcomes, sent) = fetch("fantail-example-recorder", wasi, requests, policy).await;
    assert_ne!(sent, 0);
    (outcomes, written.contents().into())
}

async fn replay(recording: Vec<u8>, requests: Vec<Request>, policy: &Policy) -> Vec<Comparable> {
    let wasi = WasiCtx::builder().stdin(MemoryInputPipe::new(recording)).build();
    let (outcomes, sent) = fetch("fantail-example-replayer", wasi, requests, policy).await;
    assert_eq!(sent, 0, "nothing is sent");
    outcomes
}

fn gets<'a>(paths: impl IntoIterator<Item = &'a str>) -> Vec<Request> {
    (0..).zip(paths).map(|(id, path)| Request::get(id, format!("http://origin.test{path}"))).collect()
}

fn post(id: u64, body: &[u8]) -> Request {
    let url = "http://origin.test/echo".to_owned();
    Request { method: "POST".to_owned(), body: Some(body.to_vec()), ..Request::get(id, url) }
}

#[tokio::test]
async fn a_policy_in_front_adds_a_header_to_every_request_and_refuses_a_path() {
    let mut requests = gets(["/headers", "/admin/users", "/administrator", "/ok"]);
    requests.push(post(4, &[b'x'; 100_000]));
    let wasi = WasiCtx::builder().build();
    let (outcomes, sent) = fetch("fantail-example-policy", wasi, requests, &Policy::default()).await;
    assert!(outcomes[0].body().contains(r#""x-policy": "example""#), "{}", outcomes[0].body());
    assert_eq!(outcomes[1].failure().cause, Cause::HttpRequestDenied);
    assert_eq!((outcomes[2].status(), outcomes[3].status()), (Some(200), Some(200)));
    assert_eq!(outcomes[4].body().len(), 100_000, "a body passes");
    assert_eq!(sent, 4, "what is refused is not sent");
}

#[tokio::test]
async fn a_recording_is_replayed_bit_for_bit_without_a_network() {
    let policy = Policy {
        redirects: Some(3),
        retries: Some(2),
        backoff: Some(Duration::from_millis(1)),
        retry_per_second: Some(1_000),
        ..Policy::default()
    };
    let hanging = Request {
        options: RequestOptions { timeout: Some(Duration::from_millis(200)), ..RequestOptions::default() },
        ..gets(["/hang"]).remove(0)
    };
    let requests = || {
        let paths = ["/ok", "/status/404", "/moved", "/busy", "/short", "/refused", "/bytes/300000", "/ok"];
        let mut requests = gets(paths);
        requests.extend([post(8, b"one"), post(9, b"another"), post(10, &[0xff; 50_000])]);
        requests.push(Request { id: 11, ..hanging.clone() });
        requests
    };
    let (recorded, recording) = record(requests(), &policy).await;
    let statuses: Vec<_> = recorded.iter().map(Comparable::status).collect();
    let good = Some(200);
    assert_eq!(statuses[..4], [good, Some(404), good, good]);
    assert_eq!(statuses[6..], [good, good, good, good, good, None]);
    assert_eq!(recorded[2].hops.len(), 1, "a redirect was followed");
    assert_eq!((recorded[3].attempts, recorded[4].attempts), (2, 3), "busy once, and cut short three times");
    assert_eq!(recorded[4].failure().cause, Cause::HttpResponseIncomplete);
    assert_eq!(recorded[5].failure().cause, Cause::ConnectionRefused);
    assert_eq!((recorded[8].body(), recorded[9].body()), ("one".to_owned(), "another".to_owned()));
    assert_eq!(replay(recording, requests(), &policy).await, recorded);
}

#[tokio::test]
async fn concurrent_requests_are_matched_by_content_and_equal_ones_by_order() {
    let policy = Policy { concurrency: Some(100), ..Policy::default() };
    let delays: Vec<String> = (0..50).map(|place| format!("/delay/{}", 100 - place)).collect();
    let paths = || delays.iter().flat_map(|delay| [delay.as_str(), "/count"]);
    let (recorded, recording) = record(gets(paths()), &policy).await;
    let counts: std::collections::BTreeSet<String> = recorded.iter().map(Comparable::body).collect();
    assert_eq!(counts.len(), 50 + 1, "each of fifty had its own answer");
    assert_eq!(replay(recording, gets(paths()), &policy).await, recorded);
}

#[tokio::test]
async fn an_unrecorded_request_fails_with_a_detail_that_says_so() {
    let policy = Policy { max_body: Some(16 << 20), ..Policy::default() };
    let long = 9 << 20;
    let (recorded, recording) = record(gets([format!("/bytes/{long}").as_str()]), &policy).await;
    assert_eq!(recorded[0].body().len(), long, "it passes all the same");
    let replayed = replay(recording, gets([format!("/bytes/{long}").as_str(), "/ok"]), &policy).await;
    let detail = |place: usize| replayed[place].failure().detail.clone().unwrap();
    assert!(detail(0).contains("only 8388608 bytes were recorded"), "{}", detail(0));
    assert!(detail(1).contains("not recorded: GET http://origin.test/ok"), "{}", detail(1));
}

#[test]
fn the_replayer_cannot_reach_a_network() {
    let (mut imports, exports) = names(&build_guest("fantail-example-replayer"));
    imports.sort_unstable();
    assert_eq!(
        imports,
        ["wasi:cli/stdin@0.2.0", "wasi:http/types@0.3.0", "wasi:io/error@0.2.0", "wasi:io/streams@0.2.0"]
    );
    assert_eq!(exports, ["wasi:http/client@0.3.0"]);
}
