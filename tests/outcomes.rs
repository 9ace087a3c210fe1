//! Each fault fails only its own request; the healthy requests around it are not affected.

use crate::support::{by_id, failure, harness, origin, refused_url, requests, run, run_one, text};
use fantail::{Cause, Failure, Fault, Phase, Policy, Sent};
use fantail_engine::Request;
use fantail_origin::Origin;
use std::time::Duration;

/// Runs one faulty request among nine healthy ones, which must all succeed.
async fn among_healthy(origin: &Origin, faulty: Request, policy: &Policy) -> Failure {
    let mut batch: Vec<Request> = (0..10).map(|id| Request::get(id, origin.url("/ok"))).collect();
    batch[4] = Request { id: 4, ..faulty };
    let (outcomes, _) = run(&harness(), futures::stream::iter(batch), policy).await;
    let outcomes = by_id(outcomes);
    assert_eq!(outcomes.len(), 10);
    for outcome in outcomes.iter().filter(|outcome| outcome.id != 4) {
        assert_eq!(text(outcome), "hello world");
    }
    failure(&outcomes[4]).clone()
}

async fn failure_of(path: &str, policy: &Policy) -> Failure {
    let origin = origin().await;
    among_healthy(&origin, Request::get(4, origin.url(path)), policy).await
}

fn classification(failure: &Failure) -> (Cause, Phase, Fault, Sent) {
    (failure.cause, failure.phase, failure.fault, failure.sent)
}

#[tokio::test]
async fn a_body_over_max_body_fails_with_or_without_a_content_length() {
    let policy = Policy { max_body: Some(1000), ..Policy::default() };
    for (path, detail) in [
        ("/bytes/1001", "content-length is 1001 bytes, at most 1000 are accepted"),
        ("/chunked/1001", "more than 1000 bytes arrived"),
        ("/endless", "more than 1000 bytes arrived"),
    ] {
        let failure = failure_of(path, &policy).await;
        assert_eq!(classification(&failure), (Cause::BodyTooLarge, Phase::Body, Fault::Policy, Sent::Yes), "{path}");
        assert_eq!(failure.detail.as_deref(), Some(detail));
    }
    let origin = origin().await;
    for path in ["/bytes/1000", "/chunked/1000"] {
        let outcome = run_one(&harness(), Request::get(0, origin.url(path)), &policy).await;
        assert_eq!(text(&outcome).len(), 1000, "{path}");
    }
}

#[tokio::test]
async fn a_response_that_is_not_http_is_a_peer_fault() {
    let failure = failure_of("/garbage", &Policy::default()).await;
    assert_eq!(classification(&failure), (Cause::HttpProtocolError, Phase::Head, Fault::Peer, Sent::Maybe));
}

#[tokio::test]
async fn an_invalid_url_header_or_method_is_a_caller_fault() {
    let origin = origin().await;
    let with_header = |name: &str, value: &str| Request {
        headers: vec![(name.to_owned(), value.into())],
        ..Request::get(4, origin.url("/ok"))
    };
    for (request, cause) in [
        (Request::get(4, "not a url"), Cause::InvalidUrl),
        (with_header("x-evil", "a\r\nx-injected: 1"), Cause::InvalidHeader),
        (with_header("host", "elsewhere.test"), Cause::InvalidHeader),
        (Request { method: "GET /".to_owned(), ..Request::get(4, origin.url("/ok")) }, Cause::HttpRequestMethodInvalid),
    ] {
        let failure = among_healthy(&origin, request, &Policy::default()).await;
        assert_eq!(classification(&failure), (cause, Phase::Request, Fault::Caller, Sent::No));
        assert!(!failure.retryable && failure.detail.is_some());
    }
    assert_eq!(origin.counts().requests, 4 * 9, "the bad ones never arrived");
}

#[tokio::test]
async fn every_fault_in_one_batch_fails_only_its_request() {
    let origin = origin().await;
    let policy = Policy { head_timeout: Some(Duration::from_millis(200)), ..Policy::default() };
    let mut urls = vec![refused_url().await, "nonsense".to_owned()];
    urls.extend(["/reset", "/close", "/hang", "/short", "/garbage", "/bytes/3000000"].map(|path| origin.url(path)));
    let faults = urls.len() as u64;
    urls.extend((0..50).map(|_| origin.url("/ok")));
    let (outcomes, report) = run(&harness(), requests(urls), &policy).await;
    let failed: Vec<u64> = by_id(outcomes).iter().filter(|outcome| outcome.result.is_err()).map(|o| o.id).collect();
    assert_eq!(failed, (0..faults).collect::<Vec<_>>());
    assert_eq!((report.summary.responses, report.summary.failures), (50, faults));
}
