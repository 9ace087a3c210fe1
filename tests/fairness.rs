//! Several origins share one batch fairly, over real connections.

use crate::support::{by_id, harness, origin, requests, run, text};
use fantail::Policy;
use futures::StreamExt;
use std::time::{Duration, Instant};

#[tokio::test]
async fn concurrency_per_origin_is_never_exceeded() {
    let (slow, fast, harness) = (origin().await, origin().await, harness());
    let policy = Policy { concurrency: Some(32), per_origin: Some(3), ..Policy::default() };
    let urls = (0..60).map(|id| if id % 2 == 0 { slow.url("/delay/20") } else { fast.url("/ok") });
    let (outcomes, report) = run(&harness, requests(urls), &policy).await;
    assert_eq!((by_id(outcomes).len(), report.summary.responses), (60, 60));
    assert_eq!(slow.counts().peak_in_flight, 3);
    assert!(fast.counts().peak_in_flight <= 3);
}

#[tokio::test]
async fn s3_an_origin_that_never_answers_does_not_hold_back_the_others() {
    let (dead, fast, harness) = (origin().await, origin().await, harness());
    let policy = Policy {
        concurrency: Some(8),
        per_origin: Some(4),
        window: Some(200),
        timeout: Some(Duration::from_secs(20)),
        ..Policy::default()
    };
    // All requests for the dead origin come first.
    let urls = (0..50).map(|_| dead.url("/hang")).chain((0..100).map(|_| fast.url("/ok"))).collect::<Vec<_>>();
    let mut outcomes = harness.fetch(requests(urls), &policy).await.unwrap();
    for _ in 0..100 {
        let outcome = tokio::time::timeout(Duration::from_secs(10), outcomes.next()).await.unwrap().unwrap();
        assert!(outcome.result.is_ok() && outcome.id >= 50, "{outcome:?}");
    }
    assert_eq!((dead.counts().in_flight, fast.counts().requests), (4, 100));
}

#[tokio::test]
async fn requests_to_one_origin_keep_to_the_rate() {
    let (origin, other, harness) = (origin().await, origin().await, harness());
    let policy = Policy { rate: Some(20), burst: Some(2), ..Policy::default() };
    let start = Instant::now();
    let urls = (0..24).map(|id| if id % 2 == 0 { origin.url("/ok") } else { other.url("/ok") });
    let (outcomes, _) = run(&harness, requests(urls), &policy).await;
    assert_eq!(by_id(outcomes).len(), 24);
    // Twelve per origin: two at once, then ten at intervals of 50 ms.
    assert!(start.elapsed() >= Duration::from_millis(500), "{:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[tokio::test]
async fn identical_requests_in_flight_are_coalesced() {
    let (origin, harness) = (origin().await, harness());
    let policy = Policy { coalesce: Some(true), ..Policy::default() };
    let urls = (0..100).map(|id| if id < 50 { origin.url("/delay/300") } else { origin.url("/bytes/1000") });
    let (outcomes, report) = run(&harness, requests(urls), &policy).await;
    let outcomes = by_id(outcomes);
    assert!(outcomes[..50].iter().all(|outcome| text(outcome) == "hello world"));
    assert!(outcomes[50..].iter().all(|outcome| text(outcome).len() == 1_000));
    let summary = report.summary;
    // The input is read in pieces: a request read after the answer is sent anew.
    assert_eq!((summary.attempts, summary.responses), (origin.counts().requests as u64, 100));
    assert!(summary.attempts <= 20 && summary.attempts + summary.coalesced == 100, "{summary:?}");
}

#[tokio::test]
async fn the_adaptive_limit_lowers_concurrency_for_a_failing_origin_only() {
    let (failing, fine, harness) = (origin().await, origin().await, harness());
    let policy = Policy { concurrency: Some(64), per_origin_floor: Some(1), ..Policy::default() };
    let urls = (0..2_000).map(|id| if id % 2 == 0 { failing.url("/status/503") } else { fine.url("/delay/5") });
    let (outcomes, _) = run(&harness, requests(urls.collect::<Vec<_>>()), &policy).await;
    assert_eq!(by_id(outcomes).len(), 2_000);
    // Each concurrent request has its own connection.
    assert!(failing.counts().connections <= 10, "{:?}", failing.counts());
    assert!(fine.counts().connections > 10, "{:?}", fine.counts());
}
