//! Outcomes tell the truth: about earlier attempts, earlier answers, and what the host has seen.

use crate::driver::{Driver, causes};
use fantail_engine::{
    AttemptReport, BodyMode, Cause, Event, Facts, Failed, Failure, Hedge, Outcome, Phase, Policy, Request, Sent,
};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

fn asked(method: &str, path: &str) -> Request {
    Request { method: method.to_owned(), ..Request::get(1, format!("http://origin.test{path}")) }
}

/// A batch of one request, with retries and redirects.
fn with_one(request: Request, policy: Policy) -> Driver {
    let quick = Some(MS);
    let policy = Policy { retries: Some(1), redirects: Some(5), backoff: quick, max_backoff: quick, ..policy };
    let mut driver = Driver::started(&policy);
    driver.read_requests(vec![request], true);
    driver
}

fn failure(outcomes: &[Outcome<String>]) -> &Failure {
    outcomes[0].result.as_ref().unwrap_err()
}

/// T3: a caller that is told that nothing was sent and that it may retry would send a POST twice.
#[test]
fn a_failure_counts_what_an_earlier_hop_has_sent() {
    let mut driver = with_one(asked("POST", "/a"), Policy { retries: Some(0), ..Policy::default() });
    driver.redirect("/a", 303, "/b");
    driver.fail("/b", Cause::ConnectionRefused);
    driver.pass(10 * MS);
    driver.fail("/b", Cause::ConnectionRefused);
    let outcomes = driver.take();
    let Failure { cause, sent, retryable, .. } = failure(&outcomes);
    assert_eq!((*cause, *sent, *retryable), (Cause::ConnectionRefused, Sent::Yes, false));
}

/// T3: the same for an earlier attempt, when repeating is safe.
#[test]
fn a_failure_counts_what_an_earlier_attempt_has_sent() {
    let mut driver = with_one(asked("PUT", "/a"), Policy::default());
    driver.respond("/a", 503);
    driver.pass(10 * MS);
    driver.fail("/a", Cause::ConnectionRefused);
    let outcomes = driver.take();
    let Failure { sent, retryable, .. } = failure(&outcomes);
    assert_eq!((outcomes[0].attempts, *sent, *retryable), (2, Sent::Yes, true));
}

/// T4: if the breaker rejects a retry, the earlier response is the outcome.
#[test]
fn if_a_retry_is_not_sent_the_earlier_answer_is_the_outcome() {
    let breaker = Policy { breaker_percent: Some(50), breaker_minimum: Some(1), ..Policy::default() };
    let mut driver = with_one(asked("GET", "/a"), breaker);
    driver.respond("/a", 503);
    driver.pass(10 * MS);
    let outcomes = driver.take();
    assert_eq!((outcomes[0].attempts, outcomes[0].result.as_deref()), (1, Ok("/a")), "{outcomes:?}");
    assert!(outcomes[0].timing.head.is_some());
    assert_eq!(driver.summary.unwrap().by_status.server_error, 1);
}

/// T4: the same if it timed out before it had a slot; an unread body is not kept, but its status is.
#[test]
fn if_a_retry_finds_no_slot_the_earlier_answer_is_the_outcome() {
    for mode in [BodyMode::Bytes, BodyMode::Unread] {
        let policy = Policy { body: Some(mode), concurrency: Some(1), timeout: Some(50 * MS), ..Policy::default() };
        let mut driver = Driver::started(&Policy { retries: Some(1), backoff: Some(MS), ..policy });
        driver.read(&["/a", "/b"], true);
        driver.respond("/a", 503);
        driver.pass(60 * MS);
        let outcomes = driver.take();
        let of_a = outcomes.iter().find(|outcome| outcome.id == 1_000).unwrap();
        match (mode, &of_a.result) {
            (BodyMode::Bytes, result) => assert_eq!(result.as_deref(), Ok("/a")),
            (_, result) => {
                let failure = result.as_ref().unwrap_err();
                assert_eq!((failure.cause, failure.status), (Cause::TimeoutTotal, Some(503)));
                assert_eq!((failure.phase, failure.sent), (Phase::Queue, Sent::Yes));
            }
        }
    }
}

/// T9: the same URL with another method is another request.
#[test]
fn a_login_that_redirects_to_itself_is_no_loop() {
    let mut driver = with_one(asked("POST", "/login"), Policy::default());
    driver.redirect("/login", 302, "/home");
    driver.redirect("/home", 302, "/login");
    assert_eq!(driver.sent.last().unwrap().1.method, "GET");
    driver.redirect("/login", 302, "/home");
    assert_eq!(causes(&driver.take()), [Some(Cause::RedirectLimit)], "now it is one");
}

/// L8: a hedge that is due gets the next slot, before waiting requests.
#[test]
fn a_hedge_gets_a_slot_in_a_batch_that_keeps_its_slots_busy() {
    let policy =
        Policy { concurrency: Some(2), window: Some(8), hedge: Some(Hedge::After(50 * MS)), ..Policy::default() };
    let mut driver = Driver::started(&policy);
    driver.read(&["/slow", "/b", "/c", "/d", "/e"], true);
    driver.pass(60 * MS);
    assert!(driver.running.values().eq(["/slow", "/b"]), "no slot is free");
    driver.respond("/b", 200);
    assert!(driver.running.values().eq(["/slow", "/slow"]), "before those that wait for their first");
    driver.respond("/slow", 200);
    assert_eq!((driver.cancelled.as_slice(), driver.running.len()), (["/slow".to_owned()].as_slice(), 2));
}

/// T5: if the host reports when an attempt was sent, the time before that does not count against the origin.
#[test]
fn the_delay_of_a_hedge_begins_when_the_first_attempt_is_sent() {
    let hedge = Some(Hedge::After(50 * MS));
    let mut driver = Driver::started(&Policy { hedge, host_facts: Some(true), ..Policy::default() });
    driver.read(&["/a"], true);
    driver.pass(500 * MS);
    assert_eq!(driver.running.len(), 1, "it waits for its connection");
    let attempt = driver.attempt("/a");
    driver.handle(Event::Sent { attempt });
    driver.pass(49 * MS);
    assert_eq!(driver.running.len(), 1);
    driver.pass(MS);
    assert_eq!(driver.running.len(), 2);
}

/// T5: heads wait to be seen while there is much to do. Then all do, and none is unusually slow.
#[test]
fn with_auto_a_head_is_compared_with_others_as_they_were_seen() {
    let policy = Policy { hedge: Some(Hedge::Auto), host_facts: Some(true), ..Policy::default() };
    let mut driver = Driver::started(&policy);
    let facts = Some(Facts { head: Some(MS), ..Facts::default() });
    let begin = |driver: &mut Driver| {
        driver.read(&["/a"], false);
        let attempt = driver.attempt("/a");
        driver.handle(Event::Sent { attempt });
        attempt
    };
    for _ in 0..20 {
        let attempt = begin(&mut driver);
        driver.pass(20 * MS);
        driver.handle(Event::Head { attempt, status: 200, retry_after: None, location: None, facts });
        driver.respond_after_head("/a");
        driver.take();
    }
    begin(&mut driver);
    driver.pass(19 * MS);
    assert_eq!(driver.running.len(), 1, "the host has seen heads after a millisecond, the component after twenty");
    driver.pass(6 * MS);
    assert_eq!(driver.running.len(), 2, "longer than 95 of 100, and no more than a quarter longer");
}

/// T5: what has happened goes before what is due.
#[test]
fn a_head_that_is_seen_when_its_hedge_is_due_is_in_time() {
    let mut driver = Driver::started(&Policy { hedge: Some(Hedge::After(50 * MS)), ..Policy::default() });
    driver.read(&["/a", "/b"], true);
    driver.now = driver.now + 60 * MS;
    for path in ["/a", "/b"] {
        let (attempt, retry_after, location) = (driver.attempt(path), None, None);
        let head = Event::Head { attempt, status: 200, retry_after, location, facts: None };
        driver.engine.record(driver.now, head, &mut driver.origins);
    }
    driver.handle(Event::Timer);
    assert_eq!(driver.running.len(), 2);
}

/// T5, T6: what the host has seen takes precedence over what the component has seen.
#[test]
fn an_outcome_reports_what_the_host_has_seen() {
    let facts = Facts { head: Some(3 * MS), reused: Some(true), ..Facts::default() };
    let mut driver = Driver::started(&Policy { host_facts: Some(true), ..Policy::default() });
    driver.read(&["/a", "/b"], true);
    driver.pass(20 * MS);
    let attempt = driver.attempt("/a");
    driver.handle(Event::Head { attempt, status: 200, retry_after: None, location: None, facts: Some(facts) });
    driver.pass(5 * MS);
    driver.respond_after_head("/a");
    let outcome = driver.take().remove(0);
    assert_eq!((outcome.timing.head, outcome.timing.body), (Some(3 * MS), Some(5 * MS)));
    assert_eq!(outcome.last_attempt, Some(facts));
    let attempt = driver.attempt("/b");
    driver.running.remove(&attempt);
    let report = AttemptReport { phase: Phase::Connect, sent: Sent::No, facts: Facts::default() };
    let failed =
        Failed { cause: Cause::ConnectionTerminated, detail: Some("reset".to_owned()), report: Some(Box::new(report)) };
    driver.handle(Event::Failed { attempt, failed });
    let outcomes = driver.take();
    let Failure { phase, sent, detail, .. } = failure(&outcomes);
    assert_eq!((*phase, *sent, detail.as_deref()), (Phase::Connect, Sent::No, Some("reset")));
}

/// T13: most hosts report the same error for transient and permanent failures.
#[test]
fn a_protocol_error_is_transient_unless_the_host_reports_more() {
    for (sent, attempts) in [(None, 2), (Some(Sent::Maybe), 1)] {
        let mut driver = with_one(asked("GET", "/a"), Policy { host_facts: Some(sent.is_some()), ..Policy::default() });
        let facts = Facts::default();
        let report = sent.map(|sent| Box::new(AttemptReport { phase: Phase::Head, sent, facts }));
        while let Some(attempt) = driver.running.keys().next().copied() {
            driver.running.remove(&attempt);
            let failed = Failed { cause: Cause::HttpProtocolError, detail: None, report: report.clone() };
            driver.handle(Event::Failed { attempt, failed });
            driver.pass(10 * MS);
        }
        let outcomes = driver.take();
        assert_eq!((outcomes[0].attempts, failure(&outcomes).retryable), (attempts, attempts == 2));
    }
}
