//! Several origins in one batch, over real connections.

use crate::support::{by_id, harness, origin, requests, run, text};
use fantail::Policy;
use futures::StreamExt;
use std::time::{Duration, Instant};

#[tokio::test]
async fn an_origin_is_asked_no_more_at_once_than_it_may_be() {
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
    // Everything for the dead one comes first.
    let urls = (0..50).map(|_| dead.url("/hang")).chain((0..100).map(|_| fast.url("/ok"))).collect::<Vec<_>>();
    let mut outcomes = harness.fetch(requests(urls), &policy).await.unwrap();
    for _ in 0..100 {
        let outcome = tokio::time::timeout(Duration::from_secs(10), outcomes.next()).await.unwrap().unwrap();
        assert!(outcome.result.is_ok() && outcome.id >= 50, "{outcome:?}");
    }
    assert_eq!((dead.counts().in_flight, fast.counts().requests), (4, 100));
}

#[tokio::test]
async fn an_origin_is_asked_at_the_pace_that_was_asked_for() {
    let (origin, other, harness) = (origin().await, origin().await, harness());
    let policy = Policy { rate: Some(20), burst: Some(2), ..Policy::default() };
    let start = Instant::now();
    let urls = (0..24).map(|id| if id % 2 == 0 { origin.url("/ok") } else { other.url("/ok") });
    let (outcomes, _) = run(&harness, requests(urls), &policy).await;
    assert_eq!(by_id(outcomes).len(), 24);
    // Twelve each: two at once, then ten, 50 ms apart.
    assert!(start.elapsed() >= Duration::from_millis(500), "{:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[tokio::test]
async fn the_same_asked_a_hundred_times_at_once_is_asked_once() {
    let (origin, harness) = (origin().await, harness());
    let policy = Policy { coalesce: Some(true), ..Policy::default() };
    let urls = (0..100).map(|id| if id < 50 { origin.url("/delay/300") } else { origin.url("/bytes/1000") });
    let (outcomes, report) = run(&harness, requests(urls), &policy).await;
    let outcomes = by_id(outcomes);
    assert!(outcomes[..50].iter().all(|outcome| text(outcome) == "hello world"));
    assert!(outcomes[50..].iter().all(|outcome| text(outcome).len() == 1_000));
    let summary = report.summary;
    // The input comes in pieces: what comes after an answer is asked for anew.
    assert_eq!((summary.attempts, summary.responses), (origin.counts().requests as u64, 100));
    assert!(summary.attempts <= 20 && summary.attempts + summary.coalesced == 100, "{summary:?}");
}

#[tokio::test]
async fn an_origin_that_fails_is_asked_less_at_once_than_one_that_does_not() {
    let (failing, fine, harness) = (origin().await, origin().await, harness());
    let policy = Policy { concurrency: Some(64), per_origin_floor: Some(1), ..Policy::default() };
    let urls = (0..2_000).map(|id| if id % 2 == 0 { failing.url("/status/503") } else { fine.url("/delay/5") });
    let (outcomes, _) = run(&harness, requests(urls.collect::<Vec<_>>()), &policy).await;
    assert_eq!(by_id(outcomes).len(), 2_000);
    // A connection for each that is in flight at once.
    assert!(failing.counts().connections <= 10, "{:?}", failing.counts());
    assert!(fine.counts().connections > 10, "{:?}", fine.counts());
}
