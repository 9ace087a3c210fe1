//! Hedging: when a second attempt is made beside a slow one, and which of the two counts.

use crate::driver::{Driver, causes};
use fantail_engine::{Cause, Event, Failed, Hedge, Policy, Request};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

fn policy() -> Policy {
    Policy { concurrency: Some(4), hedge: Some(Hedge::After(50 * MS)), ..Policy::default() }
}

/// A request that is in flight twice: the earlier attempt and the later.
fn hedged(policy: &Policy) -> (Driver, fantail_engine::AttemptId, fantail_engine::AttemptId) {
    let mut driver = Driver::started(policy);
    driver.read(&["/a"], true);
    driver.pass(49 * MS);
    assert_eq!(driver.running.len(), 1);
    driver.pass(MS);
    let attempts: Vec<_> = driver.running.keys().copied().collect();
    assert_eq!(attempts.len(), 2);
    assert_ne!(attempts[0].slot(), attempts[1].slot());
    (driver, attempts[0], attempts[1])
}

fn respond(driver: &mut Driver, attempt: fantail_engine::AttemptId, status: u16, response: &str) {
    driver.handle(Event::Head { attempt, status, retry_after: None, location: None, facts: None });
    driver.running.remove(&attempt);
    driver.handle(Event::Ended { attempt, response: response.to_owned(), body_bytes: 1 });
}

#[test]
fn the_first_good_answer_counts_and_the_other_attempt_is_cancelled() {
    for later_wins in [true, false] {
        let (mut driver, earlier, later) = hedged(&policy());
        respond(&mut driver, if later_wins { later } else { earlier }, 200, "first");
        assert_eq!((driver.cancelled.len(), driver.running.len()), (1, 0));
        let outcomes = driver.take();
        assert_eq!((outcomes[0].attempts, outcomes[0].result.as_deref()), (2, Ok("first")));
        let summary = driver.summary.unwrap();
        assert_eq!((summary.hedges, summary.hedges_won, summary.retries), (1, u64::from(later_wins), 0));
    }
}

#[test]
fn when_one_attempt_fails_the_other_decides() {
    let (mut driver, earlier, later) = hedged(&policy());
    driver.running.remove(&earlier);
    driver.handle(Event::Failed { attempt: earlier, failed: Failed::new(Cause::ConnectionTerminated, None) });
    assert!(driver.outcomes.is_empty());
    respond(&mut driver, later, 200, "later");
    assert_eq!(driver.take()[0].result.as_deref(), Ok("later"));
    let (mut driver, earlier, later) = hedged(&policy());
    respond(&mut driver, later, 503, "busy");
    driver.running.remove(&earlier);
    driver.handle(Event::Failed { attempt: earlier, failed: Failed::new(Cause::ConnectionTerminated, None) });
    assert_eq!(causes(&driver.take()), [Some(Cause::ConnectionTerminated)], "the last one decides");
}

#[test]
fn no_hedge_is_made_after_a_head_without_room_or_budget_or_for_a_post() {
    let mut driver = Driver::started(&policy());
    driver.read(&["/a"], true);
    driver.head("/a", 200);
    driver.pass(100 * MS);
    assert_eq!(driver.running.len(), 1, "it has begun to answer");
    let mut driver = Driver::started(&Policy { concurrency: Some(1), ..policy() });
    driver.read(&["/a"], true);
    driver.pass(100 * MS);
    assert_eq!(driver.running.len(), 1, "no slot");
    let mut driver = Driver::started(&Policy { per_origin: Some(1), ..policy() });
    driver.read(&["/a"], true);
    driver.pass(100 * MS);
    assert_eq!(driver.running.len(), 1, "no room at the origin");
    let mut driver = Driver::started(&policy());
    let post = Request { method: "POST".to_owned(), ..Request::get(1, "http://origin.test/a") };
    driver.read_requests(vec![post], true);
    driver.pass(100 * MS);
    assert_eq!(driver.running.len(), 1, "a POST");
    let mut driver = Driver::started(&Policy { retry_percent: Some(0), retry_per_second: Some(0), ..policy() });
    driver.read(&["/a"], true);
    driver.pass(100 * MS);
    assert_eq!(driver.running.len(), 1, "no budget");
}

#[test]
fn a_timeout_or_cancellation_ends_both_attempts() {
    let (mut driver, ..) = hedged(&Policy { timeout: Some(200 * MS), ..policy() });
    driver.pass(150 * MS);
    assert_eq!((driver.cancelled.len(), driver.running.len()), (2, 0));
    assert_eq!(causes(&driver.take()), [Some(Cause::TimeoutTotal)]);
    let (mut driver, ..) = hedged(&policy());
    driver.handle(Event::ReaderGone);
    assert_eq!(driver.cancelled.len(), 2);
}

#[test]
fn each_attempt_has_its_own_timeout() {
    let (mut driver, ..) = hedged(&Policy { attempt_timeout: Some(80 * MS), ..policy() });
    driver.pass(30 * MS);
    assert_eq!((driver.cancelled.len(), driver.running.len()), (1, 1));
    driver.respond("/a", 200);
    assert!(driver.take()[0].result.is_ok());
}

#[test]
fn with_auto_a_hedge_is_made_only_for_unusually_slow_heads_of_a_known_origin() {
    let mut driver = Driver::started(&Policy { hedge: Some(Hedge::Auto), ..policy() });
    for _ in 0..20 {
        driver.read(&["/a"], false);
        driver.pass(20 * MS);
        assert_eq!(driver.running.len(), 1, "nothing is known yet, and nothing takes longer than the others");
        driver.respond("/a", 200);
        driver.take();
    }
    driver.read(&["/a"], false);
    driver.pass(19 * MS);
    assert_eq!(driver.running.len(), 1);
    driver.pass(6 * MS);
    assert_eq!(driver.running.len(), 2, "longer than 95 of 100, and no more than a quarter longer");
}

#[test]
fn an_attempt_that_is_given_up_counts_as_slow() {
    let mut driver = Driver::started(&Policy { hedge: Some(Hedge::Auto), ..policy() });
    for round in 0..200 {
        driver.read(&["/a"], false);
        // The first attempt of every request hangs; a second one is fast.
        driver.pass(if round < 20 { 10 * MS } else { 100 * MS });
        let last = *driver.running.keys().last().unwrap();
        respond(&mut driver, last, 200, "a");
        driver.take();
    }
    driver.read(&["/a"], false);
    driver.pass(50 * MS);
    assert_eq!(driver.running.len(), 1, "it has seen that half of them hang, and does not ask everything twice");
}
