//! Helpers that most tests use.

use fantail::{Body, Cause, Egress, Failure, Harness, Outcome, Policy, Report, Wasi};
use fantail_engine::Request;
use fantail_origin::{Counts, Origin};
use futures::{Stream, StreamExt};
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// A harness that may connect to loopback and nowhere else.
pub(crate) fn harness() -> Harness {
    builder().build().unwrap()
}

pub(crate) fn builder() -> fantail::Builder {
    builder_for(Egress::nothing().allow("127.0.0.0/8".parse().unwrap()))
}

/// A builder with another egress policy, which must not allow anything but loopback.
pub(crate) fn builder_for(egress: Egress) -> fantail::Builder {
    // Compiled code is shared while a harness uses it, so this one keeps it alive for the whole run.
    static KEEP_COMPILED: OnceLock<Harness> = OnceLock::new();
    KEEP_COMPILED.get_or_init(|| Harness::builder(Egress::nothing()).wasi(wasi()).build().unwrap());
    Harness::builder(egress).wasi(wasi())
}

/// The component that this run tests. Every test runs with both, except those that tests/exceptions.txt names.
pub(crate) fn wasi() -> Wasi {
    match wasi_version().as_str() {
        "0.2" => Wasi::P2,
        "0.3" => Wasi::P3,
        other => panic!("FANTAIL_WASI is {other}: expected 0.2 or 0.3"),
    }
}

/// The same, as a value of `--wasi`.
pub(crate) fn wasi_version() -> String {
    std::env::var("FANTAIL_WASI").unwrap_or_else(|_| "0.3".to_owned())
}

pub(crate) async fn origin() -> Origin {
    Origin::start().await.unwrap()
}

/// GET requests for these URLs, numbered from 0.
pub(crate) fn requests(urls: impl IntoIterator<Item = String>) -> impl Stream<Item = Request> + Send + 'static {
    let requests: Vec<Request> = urls.into_iter().enumerate().map(|(id, url)| Request::get(id as u64, url)).collect();
    futures::stream::iter(requests)
}

/// An endless stream of the same request, numbered from 0.
pub(crate) fn endless(url: String) -> impl Stream<Item = Request> + Send + 'static {
    futures::stream::iter((0..).map(move |id| Request::get(id, url.clone())))
}

/// Runs a batch to its end and returns its outcomes and report.
pub(crate) async fn run(
    harness: &Harness,
    requests: impl Stream<Item = Request> + Send + 'static,
    policy: &Policy,
) -> (Vec<Outcome>, Report) {
    let mut outcomes = harness.fetch(requests, policy).await.unwrap();
    let mut all = Vec::new();
    while let Some(outcome) = outcomes.next().await {
        all.push(outcome);
    }
    (all, outcomes.report().await)
}

/// Runs a batch of one request and returns its outcome.
pub(crate) async fn run_one(harness: &Harness, request: Request, policy: &Policy) -> Outcome {
    let (mut outcomes, _) = run(harness, futures::stream::iter([request]), policy).await;
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0)
}

/// Sorts outcomes by id; each id from 0 must occur exactly once.
pub(crate) fn by_id(mut outcomes: Vec<Outcome>) -> Vec<Outcome> {
    outcomes.sort_by_key(|outcome| outcome.id);
    assert!(outcomes.iter().map(|outcome| outcome.id).eq(0..outcomes.len() as u64), "each id once");
    outcomes
}

/// The body of an outcome as text.
pub(crate) fn text(outcome: &Outcome) -> &str {
    match outcome.result.as_ref().map(|response| &response.body) {
        Ok(Body::Bytes(bytes)) => std::str::from_utf8(bytes).unwrap(),
        other => panic!("no body in memory: {other:?}"),
    }
}

pub(crate) fn status(outcome: &Outcome) -> Option<u16> {
    outcome.result.as_ref().ok().map(|response| response.status)
}

pub(crate) fn failure(outcome: &Outcome) -> &Failure {
    outcome.result.as_ref().expect_err("a failure")
}

pub(crate) fn cause(outcome: &Outcome) -> Option<Cause> {
    outcome.result.as_ref().err().map(|failure| failure.cause)
}

/// The root folder of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

/// Builds a guest crate of the workspace into a component.
pub(crate) fn build_guest(package: &str) -> Vec<u8> {
    component_builder::build(root(), package, &component_builder::target_dir(root())).unwrap()
}

/// A URL on a loopback port where connections are refused.
pub(crate) async fn refused_url() -> String {
    let socket = deaf_socket();
    let url = format!("http://{}/", socket.local_addr().unwrap());
    // Kept to the end of the process.
    std::mem::forget(socket);
    url
}

/// A socket on a loopback port that does not listen: connections are refused, and no other test gets its port meanwhile.
pub(crate) fn deaf_socket() -> tokio::net::TcpSocket {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    socket
}

/// Waits until the origin's counts satisfy `condition` and returns how long that took.
pub(crate) async fn until(origin: &Origin, condition: impl Fn(Counts) -> bool) -> Duration {
    let start = Instant::now();
    while !condition(origin.counts()) {
        assert!(start.elapsed() < Duration::from_secs(10), "still {:?}", origin.counts());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    start.elapsed()
}
