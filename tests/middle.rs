//! The examples that stand between the component and `wasi:http/client`: a policy, a recorder and a replayer, composed and run in a host that has nothing of ours.

use crate::callers::p3::{self, wit};
use crate::composition::names;
use crate::stock::Stock;
use crate::support::guest;
use component_builder::compose;
use fantail::{Cause, Failure, Policy};
use fantail_conversions::Convert;
use fantail_engine::{Header, Overrides, Request};
use std::time::Duration;
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi::p2::pipe::{MemoryInputPipe, MemoryOutputPipe};

/// All of an outcome that was not measured.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    id: u32,
    url: String,
    attempts: u32,
    hops: Vec<String>,
    /// Status, headers and body.
    result: Result<(u16, Vec<Header>, Vec<u8>), Failure>,
}

impl Told {
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
async fn fetch(example: &str, wasi: WasiCtx, requests: Vec<Request>, policy: &Policy) -> (Vec<Told>, usize) {
    let composed = compose(fantail::COMPONENT, &[&guest(example)]).unwrap();
    let mut host = Stock::unoptimised(&composed);
    host.set_wasi(wasi);
    let made = p3::Fantail::instantiate_async(&mut host.store, &host.component, &host.linker).await;
    let guest = made.unwrap().fantail_fetch_batch().clone();
    let outcomes = host.store.run_concurrent(async |store| {
        let policy = p3::policy(&guest, store, policy).await.unwrap();
        let requests = p3::requests(&guest, store, requests).await;
        guest.call_fetch_all(store, requests, policy).await.unwrap().unwrap()
    });
    let mut told: Vec<Told> = outcomes.await.unwrap().into_iter().map(Told::new).collect();
    told.sort_by_key(|told| told.id);
    (told, host.asked())
}

/// The outcomes, and the recording.
async fn record(requests: Vec<Request>, policy: &Policy) -> (Vec<Told>, Vec<u8>) {
    let written = MemoryOutputPipe::new(64 << 20);
    let wasi = WasiCtx::builder().stderr(written.clone()).build();
    let (told, asked) = fetch("fantail-example-recorder", wasi, requests, policy).await;
    assert_ne!(asked, 0);
    (told, written.contents().into())
}

async fn replay(recording: Vec<u8>, requests: Vec<Request>, policy: &Policy) -> Vec<Told> {
    let wasi = WasiCtx::builder().stdin(MemoryInputPipe::new(recording)).build();
    let (told, asked) = fetch("fantail-example-replayer", wasi, requests, policy).await;
    assert_eq!(asked, 0, "nothing is sent");
    told
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
    let (told, asked) = fetch("fantail-example-policy", wasi, requests, &Policy::default()).await;
    assert!(told[0].body().contains(r#""x-policy": "example""#), "{}", told[0].body());
    assert_eq!(told[1].failure().cause, Cause::HttpRequestDenied);
    assert_eq!((told[2].status(), told[3].status()), (Some(200), Some(200)));
    assert_eq!(told[4].body().len(), 100_000, "a body passes");
    assert_eq!(asked, 4, "what is refused is not sent");
}

#[tokio::test]
async fn what_was_recorded_is_replayed_bit_for_bit_without_a_network() {
    let policy = Policy {
        redirects: Some(3),
        retries: Some(2),
        backoff: Some(Duration::from_millis(1)),
        retry_per_second: Some(1_000),
        ..Policy::default()
    };
    let hanging = Request {
        overrides: Overrides { timeout: Some(Duration::from_millis(200)), ..Overrides::default() },
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
    let statuses: Vec<_> = recorded.iter().map(Told::status).collect();
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
async fn many_at_once_are_told_apart_by_what_they_ask_and_the_same_by_which_came_first() {
    let policy = Policy { concurrency: Some(100), ..Policy::default() };
    let delays: Vec<String> = (0..50).map(|place| format!("/delay/{}", 100 - place)).collect();
    let paths = || delays.iter().flat_map(|delay| [delay.as_str(), "/count"]);
    let (recorded, recording) = record(gets(paths()), &policy).await;
    let counts: std::collections::BTreeSet<String> = recorded.iter().map(Told::body).collect();
    assert_eq!(counts.len(), 50 + 1, "each of fifty had its own answer");
    assert_eq!(replay(recording, gets(paths()), &policy).await, recorded);
}

#[tokio::test]
async fn what_was_not_recorded_is_a_failure_that_says_so() {
    let policy = Policy { max_body: Some(16 << 20), ..Policy::default() };
    let long = 9 << 20;
    let (recorded, recording) = record(gets([format!("/bytes/{long}").as_str()]), &policy).await;
    assert_eq!(recorded[0].body().len(), long, "it passes all the same");
    let replayed = replay(recording, gets([format!("/bytes/{long}").as_str(), "/ok"]), &policy).await;
    let said = |place: usize| replayed[place].failure().detail.clone().unwrap();
    assert!(said(0).contains("only 8388608 bytes were recorded"), "{}", said(0));
    assert!(said(1).contains("not recorded: GET http://origin.test/ok"), "{}", said(1));
}

#[test]
fn the_replayer_has_no_way_to_a_network() {
    let (mut imports, exports) = names(&guest("fantail-example-replayer"));
    imports.sort_unstable();
    assert_eq!(
        imports,
        ["wasi:cli/stdin@0.2.0", "wasi:http/types@0.3.0", "wasi:io/error@0.2.0", "wasi:io/streams@0.2.0"]
    );
    assert_eq!(exports, ["wasi:http/client@0.3.0"]);
}
