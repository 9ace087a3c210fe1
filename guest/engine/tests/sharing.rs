//! Coalescing: when identical requests share one answer.

use crate::driver::{Driver, causes};
use fantail_engine::{BodyMode, Cause, Event, Order, Policy, Request, RequestOptions, Until};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

fn policy() -> Policy {
    Policy { coalesce: Some(true), ..Policy::default() }
}

/// Outcomes by id.
fn ids(outcomes: &[fantail_engine::Outcome<String>]) -> Vec<(u64, u32, Option<&str>)> {
    let mut reported: Vec<_> =
        outcomes.iter().map(|outcome| (outcome.id, outcome.attempts, outcome.result.as_deref().ok())).collect();
    reported.sort_unstable();
    reported
}

#[test]
fn identical_requests_in_flight_are_sent_once_and_counted() {
    let mut driver = Driver::started(&policy());
    driver.read(&["/a", "/a", "/b", "/a"], true);
    assert_eq!(driver.running.len(), 2);
    driver.respond("/b", 200);
    driver.respond("/a", 200);
    let outcomes = driver.take();
    let (a, b) = (Some("/a"), Some("/b"));
    assert_eq!(ids(&outcomes), [(1_000, 1, a), (1_001, 0, a), (1_002, 1, b), (1_003, 0, a)]);
    let summary = driver.summary.unwrap();
    assert_eq!((summary.requests, summary.responses, summary.attempts, summary.coalesced), (4, 4, 2, 2));
    assert_eq!(summary.by_status.successful, 4);
}

#[test]
fn a_request_after_the_answer_is_sent_and_by_default_nothing_is_shared() {
    let mut driver = Driver::started(&policy());
    driver.read(&["/a"], false);
    driver.respond("/a", 200);
    driver.take();
    driver.read(&["/a"], true);
    assert_eq!(driver.running.len(), 1);
    let mut driver = Driver::started(&Policy::default());
    driver.read(&["/a", "/a"], true);
    assert_eq!(driver.running.len(), 2);
}

#[test]
fn failures_and_redirects_with_their_hops_are_shared_too() {
    let mut driver = Driver::started(&policy());
    driver.read(&["/a", "/a"], true);
    driver.fail("/a", Cause::TlsCertificateError);
    assert_eq!(causes(&driver.take()), [Some(Cause::TlsCertificateError); 2]);
    let mut driver = Driver::started(&Policy { redirects: Some(1), ..policy() });
    driver.read(&["/a", "/a"], true);
    driver.redirect("/a", 302, "/b");
    driver.respond("/b", 200);
    for outcome in driver.take() {
        assert_eq!((outcome.url.as_str(), outcome.hops.len()), ("http://origin.test/b", 1));
    }
}

#[test]
fn a_request_that_times_out_does_not_end_the_others() {
    let get = |id, timeout: Option<Duration>| {
        let options = RequestOptions { timeout, ..RequestOptions::default() };
        Request { options, ..Request::get(id, "http://origin.test/a") }
    };
    let mut driver = Driver::started(&policy());
    driver.read_requests(vec![get(1, Some(10 * MS)), get(2, Some(5 * MS)), get(3, None), get(4, None)], true);
    driver.pass(5 * MS);
    assert_eq!(causes(&driver.take()), [Some(Cause::TimeoutTotal)], "a follower");
    driver.pass(5 * MS);
    assert_eq!(causes(&driver.take()), [Some(Cause::TimeoutTotal)], "the one that was sent");
    assert_eq!((driver.running.len(), driver.cancelled.len()), (1, 1), "the next one is sent in its place");
    driver.respond("/a", 200);
    assert_eq!(ids(&driver.take()), [(3, 1, Some("/a")), (4, 0, Some("/a"))]);
}

#[test]
fn a_request_without_time_for_a_retry_does_not_end_the_others() {
    let mut driver = Driver::started(&Policy { retries: Some(1), ..policy() });
    let options = RequestOptions { timeout: Some(100 * MS), ..RequestOptions::default() };
    let hurried = Request { options, ..Request::get(1, "http://origin.test/a") };
    driver.read_requests(vec![hurried, Request::get(2, "http://origin.test/a")], true);
    driver.head_with_retry_after("/a", 503, Some(Duration::from_secs(1)));
    driver.respond_after_head("/a");
    assert_eq!(ids(&driver.take()), [(1, 1, Some("/a"))]);
    driver.respond("/a", 200);
    assert_eq!(ids(&driver.take()), [(2, 1, Some("/a"))]);
}

#[test]
fn tens_of_thousands_of_followers_end_at_once() {
    let mut driver = Driver::started(&Policy { window: Some(65_536), deadline: Some(MS), ..policy() });
    driver.read(&vec!["/a"; 65_536], true);
    let begun = std::time::Instant::now();
    driver.pass(MS);
    assert_eq!(driver.take().len(), 65_536);
    // It would take many seconds if each searched the remaining ones.
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn followers_keep_their_order_count_for_until_and_are_cancelled_with_the_batch() {
    let mut driver = Driver::started(&Policy { order: Some(Order::Input), ..policy() });
    driver.read(&["/a", "/b", "/a"], true);
    driver.respond("/a", 200);
    assert_eq!(driver.take().len(), 1);
    driver.respond("/b", 200);
    assert_eq!(driver.take().len(), 2);
    let mut driver = Driver::started(&Policy { until: Some(Until::Successes(2)), ..policy() });
    driver.read(&["/a", "/a", "/b"], true);
    driver.respond("/a", 200);
    assert_eq!(causes(&driver.take()), [None, None, Some(Cause::Cancelled)]);
    let mut driver = Driver::started(&policy());
    driver.read(&["/a", "/a"], true);
    driver.handle(Event::ReaderGone);
    assert_eq!((driver.running.len(), driver.summary.unwrap().failures), (0, 2));
}

#[test]
fn followers_that_timed_out_do_not_pile_up() {
    let mut driver = Driver::started(&Policy { window: Some(8), body: Some(BodyMode::Discard), ..policy() });
    driver.read(&["/a"], false);
    for id in 0..10_000 {
        let options = RequestOptions { timeout: Some(MS), ..RequestOptions::default() };
        driver.read_requests(vec![Request { options, ..Request::get(id, "http://origin.test/a") }], false);
        driver.pass(MS);
        assert_eq!(driver.take().len(), 1);
    }
    assert!(driver.engine.entries() < 400, "{}", driver.engine.entries());
}
