//! Which requests are retried, when, and how often.

use crate::driver::{Driver, causes};
use fantail_engine::{BodyMode, Cause, Failed, Policy, Request, RequestOptions, Sent, Until};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// Two retries, after at most 100 ms and at most 200 ms.
fn policy() -> Policy {
    Policy { concurrency: Some(2), retries: Some(2), timeout: Some(10 * SECOND), ..Policy::default() }
}

fn post(path: &str) -> Request {
    Request { method: "POST".to_owned(), ..Request::get(1, format!("http://origin.test{path}")) }
}

/// Lets time pass until something runs.
fn until_running(driver: &mut Driver, max: Duration) -> Duration {
    let start = driver.now;
    while driver.running.is_empty() {
        assert!(driver.now.since(start) <= max, "nothing runs after {max:?}");
        driver.pass(MS);
    }
    driver.now.since(start)
}

#[test]
fn without_retries_nothing_is_sent_again() {
    let mut driver = Driver::started(&Policy::default());
    driver.read(&["/a"], true);
    driver.fail("/a", Cause::ConnectionRefused);
    assert_eq!(causes(&driver.take()), [Some(Cause::ConnectionRefused)]);
}

#[test]
fn transient_failures_are_retried_and_the_outcome_counts_attempts() {
    let mut driver = Driver::started(&policy());
    driver.read(&["/a"], true);
    driver.fail("/a", Cause::ConnectionTerminated);
    assert!(driver.outcomes.is_empty() && driver.running.is_empty());
    until_running(&mut driver, 101 * MS);
    driver.respond("/a", 503);
    until_running(&mut driver, 201 * MS);
    driver.respond("/a", 200);
    let outcomes = driver.take();
    assert_eq!((outcomes[0].attempts, outcomes[0].result.as_deref()), (3, Ok("/a")));
    let summary = driver.summary.unwrap();
    assert_eq!((summary.attempts, summary.retries, summary.responses), (3, 2, 1));
}

#[test]
fn when_retries_run_out_the_last_response_is_the_outcome() {
    let mut driver = Driver::started(&policy());
    driver.read(&["/a"], true);
    for _ in 0..3 {
        until_running(&mut driver, 201 * MS);
        driver.respond("/a", 503);
    }
    let outcomes = driver.take();
    assert_eq!((outcomes[0].attempts, outcomes[0].result.is_ok()), (3, true));
}

#[test]
fn only_transient_statuses_and_causes_are_retried() {
    for status in [200, 301, 400, 401, 404, 409, 501, 505] {
        let mut driver = Driver::started(&policy());
        driver.read(&["/a"], true);
        driver.respond("/a", status);
        assert_eq!(driver.take()[0].attempts, 1, "{status}");
    }
    for cause in [Cause::TlsCertificateError, Cause::DestinationIpProhibited, Cause::BodyTooLarge] {
        let mut driver = Driver::started(&policy());
        driver.read(&["/a"], true);
        driver.fail("/a", cause);
        assert_eq!(driver.take()[0].attempts, 1, "{cause}");
    }
}

#[test]
fn a_request_that_is_not_repeatable_is_retried_only_if_nothing_was_sent() {
    let mut driver = Driver::started(&policy());
    driver.read_requests(vec![post("/refused"), post("/broken")], false);
    driver.fail("/broken", Cause::ConnectionTerminated);
    driver.fail("/refused", Cause::ConnectionRefused);
    until_running(&mut driver, 101 * MS);
    assert!(driver.running.values().eq(["/refused"]));
    assert_eq!(causes(&driver.take()), [Some(Cause::ConnectionTerminated)]);
    driver.respond("/refused", 503);
    assert_eq!(driver.take()[0].attempts, 2, "it has been answered: not again");
}

#[test]
fn the_caller_may_declare_a_request_safe_to_repeat() {
    let mut driver = Driver::started(&policy());
    let options = RequestOptions { safe_to_repeat: Some(true), ..RequestOptions::default() };
    driver.read_requests(vec![Request { options, ..post("/a") }], true);
    // The driver does not allow repeated POSTs, so bypass it for this one.
    let attempt = driver.attempt("/a");
    driver.running.remove(&attempt);
    driver.handle(fantail_engine::Event::Failed { attempt, failed: Failed::new(Cause::ConnectionTerminated, None) });
    until_running(&mut driver, 101 * MS);
}

#[test]
fn an_attempt_that_takes_too_long_is_cancelled_and_sent_again() {
    let mut driver = Driver::started(&Policy { attempt_timeout: Some(50 * MS), ..policy() });
    driver.read(&["/a"], true);
    driver.pass(50 * MS);
    assert_eq!(driver.cancelled, ["/a"]);
    until_running(&mut driver, 101 * MS);
    driver.respond("/a", 200);
    assert_eq!(driver.take()[0].attempts, 2);
}

#[test]
fn the_late_response_of_an_earlier_attempt_is_ignored() {
    let mut driver = Driver::started(&Policy { attempt_timeout: Some(50 * MS), ..policy() });
    driver.read(&["/a"], true);
    let late = driver.attempt("/a");
    driver.pass(50 * MS);
    until_running(&mut driver, 101 * MS);
    driver.handle(fantail_engine::Event::Ended { attempt: late, response: "late".to_owned(), body_bytes: 0 });
    assert!(driver.outcomes.is_empty());
    driver.respond("/a", 200);
    assert_eq!(driver.take()[0].result.as_deref(), Ok("/a"));
}

#[test]
fn a_retry_waits_exactly_as_long_as_retry_after_asks() {
    let mut driver = Driver::started(&policy());
    driver.read(&["/a"], true);
    driver.head_with_retry_after("/a", 503, Some(3 * SECOND));
    driver.respond_after_head("/a");
    assert_eq!(until_running(&mut driver, 4 * SECOND), 3 * SECOND);
}

#[test]
fn x6_a_response_whose_retry_would_be_too_late_is_the_outcome_at_once() {
    for policy in [policy(), Policy { timeout: Some(20 * SECOND), deadline: Some(10 * SECOND), ..policy() }] {
        let mut driver = Driver::started(&policy);
        driver.read(&["/a"], true);
        driver.head_with_retry_after("/a", 503, Some(10 * SECOND));
        driver.respond_after_head("/a");
        assert_eq!(driver.take()[0].attempts, 1);
    }
}

#[test]
fn backing_off_takes_no_slot_and_ends_at_the_requests_timeout() {
    let mut driver = Driver::started(&Policy { concurrency: Some(1), timeout: Some(5 * SECOND), ..policy() });
    driver.read(&["/a", "/b"], true);
    driver.head_with_retry_after("/a", 503, Some(4 * SECOND));
    driver.respond_after_head("/a");
    assert!(driver.running.values().eq(["/b"]), "its slot is free");
    driver.pass(4 * SECOND);
    assert!(driver.running.values().eq(["/b"]), "it waits for a slot again");
    driver.pass(SECOND);
    let outcomes = driver.take();
    let waited = outcomes.iter().find(|outcome| outcome.id == 1_000).unwrap();
    assert_eq!(waited.result.as_deref(), Ok("/a"), "the answer that there was");
    let sent = outcomes.iter().find(|outcome| outcome.id == 1_001).unwrap().result.as_ref().unwrap_err();
    assert_eq!((sent.cause, sent.sent), (Cause::TimeoutTotal, Sent::Maybe));
}

#[test]
fn when_the_batch_has_enough_nothing_is_retried() {
    let mut driver = Driver::started(&Policy { until: Some(Until::Successes(1)), ..policy() });
    driver.read(&["/a", "/b"], false);
    driver.fail("/a", Cause::ConnectionRefused);
    driver.respond("/b", 200);
    assert_eq!(driver.take().len(), 2, "the one that waits for its next attempt is cancelled");
    driver.pass(SECOND);
    assert!(driver.running.is_empty());
}

#[test]
fn x7_a_dead_origin_gets_a_fifth_more_attempts_plus_the_fixed_rate() {
    let fast = Policy { retries: Some(5), backoff: Some(MS), max_backoff: Some(MS), ..policy() };
    let mut driver = Driver::started(&Policy { retry_per_second: Some(1), window: Some(4), ..fast });
    let (mut read, mut started) = (0, 0);
    while read < 1_000 {
        if let Some(room) = driver.reading {
            let paths: Vec<String> = (0..room).map(|n| format!("/{}", read + n)).collect();
            read += room;
            driver.read(&paths.iter().map(String::as_str).collect::<Vec<_>>(), false);
        }
        while let Some(path) = driver.running.values().next().cloned() {
            started += 1;
            driver.fail(&path, Cause::ConnectionRefused);
        }
        driver.take();
        driver.pass(MS);
    }
    for _ in 0..10 {
        while let Some(path) = driver.running.values().next().cloned() {
            started += 1;
            driver.fail(&path, Cause::ConnectionRefused);
        }
        driver.take();
        driver.pass(MS);
    }
    // 1,000 requests in less than ten seconds, a ratio of 20 %, a floor of 10 in ten seconds.
    assert_eq!(started, read + read / 5 + 10);
}

#[test]
fn batches_with_the_same_origins_share_their_retry_budget() {
    let strict = Policy { concurrency: Some(16), retry_percent: Some(0), retry_per_second: Some(1), ..policy() };
    let mut first = Driver::started(&strict);
    let paths: Vec<String> = (0..9).map(|n| format!("/{n}")).collect();
    first.read(&paths.iter().map(String::as_str).collect::<Vec<_>>(), false);
    for path in &paths {
        first.fail(path, Cause::ConnectionRefused);
    }
    assert_eq!(first.take().len(), 0, "nine of ten retries are granted");
    let mut second = Driver::started(&strict);
    second.origins = std::mem::take(&mut first.origins);
    second.read(&["/a", "/b"], true);
    second.fail("/a", Cause::ConnectionRefused);
    second.fail("/b", Cause::ConnectionRefused);
    assert_eq!(second.take().len(), 1, "the tenth is, the eleventh is not");
}

#[test]
fn a_retried_response_releases_its_unread_body() {
    let unread = Policy { body: Some(BodyMode::Unread), max_unread: Some(1), ..policy() };
    let mut driver = Driver::started(&unread);
    driver.read(&["/a", "/b"], true);
    driver.respond("/a", 503);
    assert!(driver.running.values().eq(["/b"]), "the one place is free");
}

#[test]
fn a_request_over_a_closed_connection_is_repeated_once_without_a_retry() {
    let mut driver =
        Driver::started(&Policy { retry_percent: Some(0), retry_per_second: Some(0), ..Policy::default() });
    driver.read(&["/a"], false);
    driver.fail("/a", Cause::ConnectionTerminated);
    assert_eq!(causes(&driver.take()), [Some(Cause::ConnectionTerminated)], "it was a new connection");
    driver.read(&["/a"], false);
    driver.respond("/a", 200);
    driver.take();
    driver.read(&["/b"], false);
    driver.fail("/b", Cause::ConnectionTerminated);
    assert_eq!(driver.running.len(), 1, "it may have been the kept one");
    driver.fail("/b", Cause::ConnectionTerminated);
    let outcomes = driver.take();
    assert_eq!((causes(&outcomes), outcomes[0].attempts), (vec![Some(Cause::ConnectionTerminated)], 2));
    driver.read(&["/c"], false);
    driver.fail("/c", Cause::ConnectionTerminated);
    assert_eq!(driver.take()[0].attempts, 1, "there is no connection left that could have been kept");
}

#[test]
fn a_request_that_is_not_repeatable_or_had_a_head_is_not_repeated_for_a_closed_connection() {
    let mut driver = Driver::started(&Policy::default());
    driver.read(&["/a", "/b"], false);
    driver.respond("/a", 200);
    driver.respond("/b", 200);
    driver.take();
    let post = Request { method: "POST".to_owned(), ..Request::get(1, "http://origin.test/post") };
    driver.read_requests(vec![post], false);
    driver.fail("/post", Cause::ConnectionTerminated);
    assert_eq!(driver.take()[0].attempts, 1);
    driver.read(&["/c"], true);
    driver.head("/c", 200);
    driver.fail("/c", Cause::ConnectionTerminated);
    assert_eq!(driver.take()[0].attempts, 1);
}
