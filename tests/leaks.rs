//! Many requests through one instance with low caps, which any leak would exceed.

use crate::support::{builder, cause, harness, origin, requests, run, until};
use fantail::{BodyMode, Cause, End, Hedge, Limits, Policy};
use fantail_engine::Request;
use futures::StreamExt;
use std::time::Duration;

/// Caps with room for one batch and nothing that accumulates: 8 handles for each of 64 requests in flight and 128 unread bodies.
fn tight() -> Limits {
    Limits { handles: 8 * 192, resources: 8 * 192, memory: 8 << 20, ..Limits::default() }
}

#[tokio::test]
async fn s1_two_hundred_thousand_requests_pass_through_one_instance_in_constant_memory() {
    let origin = origin().await;
    let harness = builder().limits(tight()).build().unwrap();
    let url = origin.url("/ok");
    let requests = futures::stream::iter((0..200_000).map(move |id| Request::get(id, url.clone())));
    let mut outcomes = harness.fetch(requests, &Policy::default()).await.unwrap();
    let mut responses = 0;
    while let Some(outcome) = outcomes.next().await {
        assert!(outcome.result.is_ok(), "{outcome:?}");
        responses += 1;
    }
    let report = outcomes.report().await;
    assert!(matches!(report.end, End::Finished(Some(_))), "{:?}", report.end);
    assert_eq!(responses, 200_000);
    assert!(origin.counts().connections <= 64);
}

#[tokio::test]
async fn neither_failures_nor_body_modes_leave_anything_behind() {
    let origin = origin().await;
    let harness = builder().limits(tight()).build().unwrap();
    let paths = ["/ok", "/close", "/reset", "/short", "/garbage", "/bytes/2000000", "/status/204", "/chunked/100"];
    for body in [BodyMode::Bytes, BodyMode::Discard, BodyMode::Unread] {
        let policy = Policy { body: Some(body), ..Policy::default() };
        let urls: Vec<String> = (0..8_000).map(|id| origin.url(paths[id % paths.len()])).collect();
        let mut outcomes = harness.fetch(requests(urls), &policy).await.unwrap();
        let mut count = 0;
        while let Some(outcome) = outcomes.next().await {
            assert_ne!(cause(&outcome), Some(Cause::InternalError), "{body:?}: {outcome:?}");
            count += 1;
        }
        assert_eq!(count, 8_000);
    }
}

#[tokio::test]
async fn cancelled_attempts_leave_nothing_behind() {
    let origin = origin().await;
    let harness = builder().limits(tight()).build().unwrap();
    let policy = Policy { attempt_timeout: Some(Duration::from_millis(5)), ..Policy::default() };
    let urls: Vec<String> = (0..6_000).map(|id| origin.url(["/hang", "/drip/2"][id % 2])).collect();
    let (outcomes, report) = run(&harness, requests(urls), &policy).await;
    assert_eq!(outcomes.len(), 6_000);
    assert!(matches!(report.end, End::Finished(Some(_))), "{:?}", report.end);
    assert_eq!(report.summary.by_cause.get(&Cause::TimeoutAttempt), Some(&6_000), "{:?}", report.summary);
}

#[tokio::test]
async fn a_hundred_batches_leave_no_task_and_no_connection_behind() {
    let (origin, harness) = (origin().await, harness());
    for _ in 0..100 {
        run(&harness, requests((0..20).map(|_| origin.url("/ok"))), &Policy::default()).await;
        let urls: Vec<String> = (0..20).map(|_| origin.url("/hang")).collect();
        let abandoned = harness.fetch(requests(urls), &Policy::default()).await.unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(1), abandoned.into_future()).await.is_err());
    }
    let idle = harness.connections().idle;
    until(&origin, |counts| counts.in_flight == 0 && counts.open <= idle).await;
    drop(harness);
    until(&origin, |counts| counts.open == 0).await;
    // Gives cancelled tasks a turn to end, such as the one that closes idle connections.
    tokio::time::sleep(Duration::from_millis(1)).await;
    // Only the listener's task is left.
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 1);
}

#[tokio::test]
async fn neither_retries_nor_redirects_nor_hedges_leave_anything_behind() {
    let origin = origin().await;
    let harness = builder().limits(tight()).build().unwrap();
    let policy = Policy {
        retries: Some(2),
        redirects: Some(2),
        hedge: Some(Hedge::After(Duration::from_millis(5))),
        backoff: Some(Duration::from_millis(1)),
        retry_per_second: Some(100_000),
        attempt_timeout: Some(Duration::from_millis(40)),
        ..Policy::default()
    };
    let paths = ["/status/503", "/redirect/302?/ok", "/delay/20", "/close", "/hang", "/ok"];
    for body in [BodyMode::Bytes, BodyMode::Unread] {
        let policy = Policy { body: Some(body), ..policy.clone() };
        let urls: Vec<String> = (0..3_000).map(|id| origin.url(paths[id % paths.len()])).collect();
        let (outcomes, report) = run(&harness, requests(urls), &policy).await;
        assert_eq!(outcomes.len(), 3_000);
        assert!(matches!(report.end, End::Finished(Some(_))), "{:?}", report.end);
        assert!(report.summary.retries > 1_000 && report.summary.hedges > 100, "{:?}", report.summary);
        drop(outcomes);
        until(&origin, |counts| counts.in_flight == 0).await;
    }
}
