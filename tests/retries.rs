//! Requests that are sent again, through the component and over real connections. What is sent again and when is decided in the
//! engine, whose own tests say more of it.

use crate::support::{by_id, cause, harness, origin, refused, requests, run, run_one, status, until};
use fantail::{BodyMode, Cause, Hedge, Policy, Request};
use std::time::{Duration, Instant};

fn twice() -> Policy {
    Policy { retries: Some(2), backoff: Some(Duration::from_millis(20)), ..Policy::default() }
}

#[tokio::test]
async fn what_fails_in_passing_is_asked_again_and_counted() {
    let (origin, closing, harness) = (origin().await, origin().await, harness());
    let urls = [origin.url("/status/503"), closing.url("/close"), refused().await, origin.url("/status/404")];
    let (outcomes, report) = run(&harness, requests(urls), &twice()).await;
    let outcomes = by_id(outcomes);
    assert_eq!(outcomes.iter().map(|outcome| outcome.attempts).collect::<Vec<_>>(), [3, 3, 3, 1]);
    assert_eq!((status(&outcomes[0]), status(&outcomes[3])), (Some(503), Some(404)), "still a response");
    assert_eq!(cause(&outcomes[1]), Some(Cause::ConnectionTerminated));
    assert_eq!((origin.counts().requests, closing.counts().requests), (3 + 1, 3));
    assert_eq!((report.summary.requests, report.summary.attempts, report.summary.retries), (4, 10, 6));
}

#[tokio::test]
async fn a_post_is_not_asked_again_once_it_may_have_arrived() {
    let (origin, harness) = (origin().await, harness());
    let post = |url| Request { method: "POST".to_owned(), body: Some(b"x".to_vec()), ..Request::get(0, url) };
    for path in ["/close", "/status/503"] {
        assert_eq!(run_one(&harness, post(origin.url(path)), &twice()).await.attempts, 1, "{path}");
    }
    assert_eq!(run_one(&harness, post(refused().await), &twice()).await.attempts, 3, "it never arrived");
}

#[tokio::test]
async fn a_server_is_left_alone_for_as_long_as_it_asks() {
    let (origin, harness) = (origin().await, harness());
    let start = Instant::now();
    let outcome =
        run_one(&harness, Request::get(0, origin.url("/busy/1")), &Policy { retries: Some(1), ..twice() }).await;
    assert_eq!((outcome.attempts, status(&outcome)), (2, Some(503)));
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    let start = Instant::now();
    let hurried = Policy { timeout: Some(Duration::from_secs(20)), ..twice() };
    let outcome = run_one(&harness, Request::get(0, origin.url("/busy/60")), &hurried).await;
    assert_eq!(outcome.attempts, 1);
    assert!(start.elapsed() < Duration::from_secs(10), "what cannot be waited for is not waited for");
}

#[tokio::test]
async fn an_attempt_that_hangs_is_given_up_and_made_again() {
    let (origin, harness) = (origin().await, harness());
    let policy = Policy { attempt_timeout: Some(Duration::from_millis(50)), ..twice() };
    let outcome = run_one(&harness, Request::get(0, origin.url("/hang")), &policy).await;
    assert_eq!((outcome.attempts, cause(&outcome)), (3, Some(Cause::TimeoutAttempt)));
}

#[tokio::test]
async fn thousands_that_are_asked_again_leave_nothing_behind() {
    let (origin, closing, harness) = (origin().await, origin().await, harness());
    for body in [BodyMode::Bytes, BodyMode::Unread] {
        let policy = Policy {
            body: Some(body),
            backoff: Some(Duration::from_millis(1)),
            retry_per_second: Some(100_000),
            ..twice()
        };
        let urls = [origin.url("/status/503"), closing.url("/close"), origin.url("/ok")];
        let urls: Vec<String> = urls.into_iter().cycle().take(1_500).collect();
        let (outcomes, report) = run(&harness, requests(urls), &policy).await;
        assert_eq!((by_id(outcomes).len(), report.summary.retries), (1_500, 2_000));
    }
}

#[tokio::test]
async fn a_dead_origin_gets_a_few_more_requests_and_not_several_times_as_many() {
    let (harness, refused) = (harness(), refused().await);
    let policy = Policy { retry_per_second: Some(1), backoff: Some(Duration::from_millis(1)), ..twice() };
    let (_, report) = run(&harness, requests((0..1_000).map(|_| refused.clone())), &policy).await;
    // A fifth of what was sent in the last ten seconds, and the floor for those and as many as the run may have lasted beyond.
    assert!((150..=320).contains(&report.summary.retries), "{:?}", report.summary);
}

#[tokio::test]
async fn a_second_attempt_is_made_beside_one_that_takes_long_and_the_slower_is_cancelled() {
    let (origin, harness) = (origin().await, harness());
    let policy = Policy { hedge: Some(Hedge::After(Duration::from_millis(50))), ..Policy::default() };
    let (outcomes, report) = run(&harness, requests((0..20).map(|_| origin.url("/delay/400"))), &policy).await;
    assert!(outcomes.iter().all(|outcome| outcome.attempts == 2 && outcome.result.is_ok()));
    assert_eq!((report.summary.hedges, origin.counts().requests), (20, 40));
    until(&origin, |counts| counts.in_flight == 0).await;
    let (_, report) = run(&harness, requests((0..20).map(|_| origin.url("/ok"))), &policy).await;
    assert_eq!(report.summary.hedges, 0, "nothing took long");
}

#[tokio::test]
async fn what_takes_longer_than_the_others_did_is_asked_a_second_time() {
    let (origin, harness) = (origin().await, harness());
    let policy = Policy { concurrency: Some(4), hedge: Some(Hedge::Auto), ..Policy::default() };
    let urls = (0..100).map(|_| origin.url("/delay/20")).chain([origin.url("/delay/2000")]);
    let (outcomes, report) = run(&harness, requests(urls.collect::<Vec<_>>()), &policy).await;
    assert_eq!(by_id(outcomes).last().unwrap().attempts, 2);
    assert!((1..20).contains(&report.summary.hedges), "few of the others: {:?}", report.summary);
}

#[tokio::test]
async fn a_connection_that_was_closed_while_it_was_kept_costs_no_request() {
    let (origin, harness) = (origin().await, harness());
    let policy = Policy { concurrency: Some(1), ..Policy::default() };
    let urls = ["/ok", "/close", "/close"].map(|path| origin.url(path));
    let outcomes = by_id(run(&harness, requests(urls), &policy).await.0);
    assert_eq!(cause(&outcomes[1]), Some(Cause::ConnectionTerminated));
    let attempts: Vec<u32> = outcomes.iter().map(|outcome| outcome.attempts).collect();
    assert_eq!(
        attempts,
        [1, 1, 1],
        "the host says that its last connection was a new one: once more would be of no use"
    );
    // The first of them had met a kept connection, and was sent once more on a new one before it was given up.
    assert_eq!(origin.counts().requests, 4);
}
