//! Retries and hedges through the component and over real connections. The engine decides what is sent again and when, and its own
//! tests cover that.

use crate::support::{by_id, cause, harness, origin, refused_url, requests, run, run_one, status, until};
use fantail::{BodyMode, Cause, Hedge, Policy};
use fantail_engine::Request;
use std::time::{Duration, Instant};

fn two_retries() -> Policy {
    Policy { retries: Some(2), backoff: Some(Duration::from_millis(20)), ..Policy::default() }
}

#[tokio::test]
async fn transient_failures_are_retried_and_counted() {
    let (origin, closing, harness) = (origin().await, origin().await, harness());
    let urls = [origin.url("/status/503"), closing.url("/close"), refused_url().await, origin.url("/status/404")];
    let (outcomes, report) = run(&harness, requests(urls), &two_retries()).await;
    let outcomes = by_id(outcomes);
    assert_eq!(outcomes.iter().map(|outcome| outcome.attempts).collect::<Vec<_>>(), [3, 3, 3, 1]);
    assert_eq!((status(&outcomes[0]), status(&outcomes[3])), (Some(503), Some(404)), "still a response");
    assert_eq!(cause(&outcomes[1]), Some(Cause::ConnectionTerminated));
    assert_eq!((origin.counts().requests, closing.counts().requests), (3 + 1, 3));
    assert_eq!((report.summary.requests, report.summary.attempts, report.summary.retries), (4, 10, 6));
}

#[tokio::test]
async fn a_post_is_not_retried_once_it_may_have_arrived() {
    let (origin, harness) = (origin().await, harness());
    let post = |url| Request { method: "POST".to_owned(), body: Some(b"x".to_vec()), ..Request::get(0, url) };
    for path in ["/close", "/status/503"] {
        assert_eq!(run_one(&harness, post(origin.url(path)), &two_retries()).await.attempts, 1, "{path}");
    }
    assert_eq!(run_one(&harness, post(refused_url().await), &two_retries()).await.attempts, 3, "it never arrived");
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let (origin, harness) = (origin().await, harness());
    let start = Instant::now();
    let outcome =
        run_one(&harness, Request::get(0, origin.url("/busy/1")), &Policy { retries: Some(1), ..two_retries() }).await;
    assert_eq!((outcome.attempts, status(&outcome)), (2, Some(503)));
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    let start = Instant::now();
    let hurried = Policy { timeout: Some(Duration::from_secs(20)), ..two_retries() };
    let outcome = run_one(&harness, Request::get(0, origin.url("/busy/60")), &hurried).await;
    assert_eq!(outcome.attempts, 1);
    assert!(start.elapsed() < Duration::from_secs(10), "a retry beyond the timeout is not waited for");
}

#[tokio::test]
async fn an_attempt_that_times_out_is_retried() {
    let (origin, harness) = (origin().await, harness());
    let policy = Policy { attempt_timeout: Some(Duration::from_millis(50)), ..two_retries() };
    let outcome = run_one(&harness, Request::get(0, origin.url("/hang")), &policy).await;
    assert_eq!((outcome.attempts, cause(&outcome)), (3, Some(Cause::TimeoutAttempt)));
}

#[tokio::test]
async fn thousands_of_retries_leave_nothing_behind() {
    let (origin, closing, harness) = (origin().await, origin().await, harness());
    for body in [BodyMode::Bytes, BodyMode::Unread] {
        let policy = Policy {
            body: Some(body),
            backoff: Some(Duration::from_millis(1)),
            retry_per_second: Some(100_000),
            ..two_retries()
        };
        let urls = [origin.url("/status/503"), closing.url("/close"), origin.url("/ok")];
        let urls: Vec<String> = urls.into_iter().cycle().take(1_500).collect();
        let (outcomes, report) = run(&harness, requests(urls), &policy).await;
        assert_eq!((by_id(outcomes).len(), report.summary.retries), (1_500, 2_000));
    }
}

#[tokio::test]
async fn the_retry_budget_bounds_retries_to_a_dead_origin() {
    let (harness, refused) = (harness(), refused_url().await);
    let policy = Policy { retry_per_second: Some(1), backoff: Some(Duration::from_millis(1)), ..two_retries() };
    let (_, report) = run(&harness, requests((0..1_000).map(|_| refused.clone())), &policy).await;
    // A fifth of the requests of the last ten seconds, plus the floor for those seconds and for as many as the run may have lasted.
    assert!((150..=320).contains(&report.summary.retries), "{:?}", report.summary);
}

#[tokio::test]
async fn a_slow_attempt_is_hedged_and_the_slower_of_the_two_is_cancelled() {
    let (origin, harness) = (origin().await, harness());
    let policy = Policy { hedge: Some(Hedge::After(Duration::from_millis(50))), ..Policy::default() };
    let (outcomes, report) = run(&harness, requests((0..20).map(|_| origin.url("/delay/400"))), &policy).await;
    assert!(outcomes.iter().all(|outcome| outcome.attempts == 2 && outcome.result.is_ok()));
    assert_eq!((report.summary.hedges, origin.counts().requests), (20, 40));
    until(&origin, |counts| counts.in_flight == 0).await;
    let (_, report) = run(&harness, requests((0..20).map(|_| origin.url("/ok"))), &policy).await;
    assert_eq!(report.summary.hedges, 0, "no attempt was slow");
}

#[tokio::test]
async fn auto_hedging_hedges_unusually_slow_requests() {
    let (origin, harness) = (origin().await, harness());
    let policy = Policy { concurrency: Some(4), hedge: Some(Hedge::Auto), ..Policy::default() };
    let urls = (0..100).map(|_| origin.url("/delay/20")).chain([origin.url("/delay/2000")]);
    let (outcomes, report) = run(&harness, requests(urls.collect::<Vec<_>>()), &policy).await;
    assert_eq!(by_id(outcomes).last().unwrap().attempts, 2);
    assert!((1..20).contains(&report.summary.hedges), "only few of the others are hedged: {:?}", report.summary);
}

#[tokio::test]
async fn resending_on_a_new_connection_is_not_counted_as_an_attempt() {
    let (origin, harness) = (origin().await, harness());
    let policy = Policy { concurrency: Some(1), ..Policy::default() };
    let urls = ["/ok", "/close", "/close"].map(|path| origin.url(path));
    let outcomes = by_id(run(&harness, requests(urls), &policy).await.0);
    assert_eq!(cause(&outcomes[1]), Some(Cause::ConnectionTerminated));
    let attempts: Vec<u32> = outcomes.iter().map(|outcome| outcome.attempts).collect();
    assert_eq!(
        attempts,
        [1, 1, 1],
        "the host reports that its last attempt used a new connection, so retrying is of no use"
    );
    // The sender resent the first `/close` on a new connection, because it had gone out on a reused one.
    assert_eq!(origin.counts().requests, 4);
}
