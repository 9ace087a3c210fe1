//! The behaviour of one batch.

use crate::driver::{Driver, causes};
use fantail_engine::{BodyMode, Cause, Event, Fault, Order, Phase, Policy, Request, RequestOptions, Sent, Until};
use std::time::Duration;

fn policy(concurrency: u32) -> Policy {
    Policy { concurrency: Some(concurrency), window: Some(8), ..Policy::default() }
}

const MS: Duration = Duration::from_millis(1);

#[test]
fn nothing_is_read_before_demand() {
    let mut driver = Driver::new(&policy(4));
    driver.pass(Duration::from_secs(3600));
    assert_eq!(driver.reading, None);
    driver.handle(Event::Demand);
    assert_eq!(driver.reading, Some(8));
}

#[test]
fn reading_stops_at_the_window_until_outcomes_are_taken() {
    let mut driver = Driver::started(&Policy { window: Some(4), ..policy(2) });
    driver.read(&["/a", "/b", "/c", "/d"], false);
    assert_eq!(driver.running.len(), 2);
    for path in ["/a", "/b", "/c", "/d"] {
        driver.respond(path, 200);
    }
    assert_eq!(driver.reading, None, "four outcomes wait to be taken");
    driver.take();
    assert_eq!(driver.reading, Some(4));
}

#[test]
fn l12_reading_continues_within_the_window_while_requests_wait_for_a_slow_origin() {
    let mut driver = Driver::started(&Policy { window: Some(40), per_origin: Some(1), ..policy(20) });
    let get = |id, url: &str| Request::get(id, url);
    // All but one wait for the same origin.
    let mut requests: Vec<_> = (0..39).map(|id| get(id, "http://slow.test/slow")).collect();
    requests.push(get(39, "http://other.test/first"));
    driver.read_requests(requests, false);
    assert_eq!((driver.reading, driver.running.len()), (None, 2), "the window is full");
    driver.respond("/first", 200);
    driver.take();
    assert_eq!(driver.reading, Some(1));
    driver.read_requests(vec![get(40, "http://other.test/second")], false);
    assert!(driver.running.values().any(|path| path == "/second"), "there are slots for it");
}

#[test]
fn a_slot_is_held_until_the_body_ends() {
    let mut driver = Driver::started(&policy(1));
    driver.read(&["/a", "/b"], true);
    driver.head("/a", 200);
    assert_eq!(driver.running.len(), 1);
    driver.respond("/a", 200);
    assert!(driver.running.values().eq(["/b"]));
}

#[test]
fn an_unread_body_holds_no_slot_but_counts_until_it_ends() {
    let unread = Policy { body: Some(BodyMode::Unread), max_unread: Some(2), ..policy(1) };
    let mut driver = Driver::started(&unread);
    driver.read(&["/a", "/b", "/c"], true);
    let first = driver.attempt("/a");
    driver.respond("/a", 200);
    driver.respond("/b", 200);
    assert!(driver.running.is_empty(), "two bodies are out, none may follow");
    driver.handle(Event::UnreadEnded { attempt: first });
    assert!(driver.running.values().eq(["/c"]));
}

#[test]
fn a_body_that_is_reported_as_ended_twice_makes_room_once() {
    let unread = Policy { body: Some(BodyMode::Unread), max_unread: Some(1), ..policy(2) };
    let mut driver = Driver::started(&unread);
    driver.read(&["/a", "/b", "/c"], true);
    let first = driver.attempt("/a");
    driver.fail("/a", Cause::ConnectionTerminated);
    driver.handle(Event::UnreadEnded { attempt: first });
    assert!(driver.running.values().eq(["/b"]));
}

#[test]
fn an_input_that_ended_before_the_batch_stopped_counts_as_ended() {
    let mut driver = Driver::started(&Policy { until: Some(Until::Successes(1)), ..policy(2) });
    driver.read(&["/a", "/b"], true);
    driver.respond("/a", 200);
    driver.take();
    assert!(driver.summary.unwrap().input_ended);
}

#[test]
fn a_failed_request_for_an_unread_body_releases_its_place() {
    let unread = Policy { body: Some(BodyMode::Unread), max_unread: Some(1), ..policy(1) };
    let mut driver = Driver::started(&unread);
    driver.read(&["/a", "/b"], true);
    driver.fail("/a", Cause::ConnectionRefused);
    assert!(driver.running.values().eq(["/b"]));
}

#[test]
fn outcomes_come_in_order_of_completion_or_of_input() {
    for (order, expected) in [(Order::Completion, ["/c", "/a", "/b"]), (Order::Input, ["/a", "/b", "/c"])] {
        let mut driver = Driver::started(&Policy { order: Some(order), ..policy(3) });
        driver.read(&["/a", "/b", "/c"], true);
        for path in ["/c", "/a", "/b"] {
            driver.respond(path, 200);
        }
        let responses: Vec<String> = driver.take().into_iter().filter_map(|outcome| outcome.result.ok()).collect();
        assert_eq!(responses, expected);
    }
}

#[test]
fn an_attempt_that_takes_too_long_is_cancelled_and_says_how_far_it_came() {
    let mut driver = Driver::started(&Policy { attempt_timeout: Some(10 * MS), ..policy(2) });
    driver.read(&["/silent", "/stuck"], true);
    driver.head("/stuck", 206);
    driver.pass(9 * MS);
    assert!(driver.outcomes.is_empty());
    driver.pass(MS);
    assert_eq!(driver.cancelled, ["/silent", "/stuck"]);
    let outcomes = driver.take();
    assert_eq!(causes(&outcomes), [Some(Cause::TimeoutAttempt); 2]);
    let silent = outcomes[0].result.as_ref().unwrap_err();
    assert_eq!((silent.phase, silent.sent, silent.status), (Phase::Head, Sent::Maybe, None));
    let stuck = outcomes[1].result.as_ref().unwrap_err();
    assert_eq!((stuck.phase, stuck.sent, stuck.status), (Phase::Body, Sent::Yes, Some(206)));
    assert_eq!(outcomes[1].timing.total, 10 * MS);
}

#[test]
fn a_requests_timeout_includes_the_time_it_waits() {
    let mut driver = Driver::started(&Policy { timeout: Some(10 * MS), ..policy(1) });
    driver.read(&["/a", "/waiting"], true);
    driver.pass(10 * MS);
    let outcomes = driver.take();
    assert_eq!(causes(&outcomes), [Some(Cause::TimeoutTotal); 2]);
    let waiting = outcomes[1].result.as_ref().unwrap_err();
    assert_eq!((waiting.phase, waiting.sent, waiting.fault), (Phase::Queue, Sent::No, Fault::Policy));
    assert!(waiting.retryable, "it was never sent");
    assert_eq!((outcomes[1].attempts, outcomes[1].timing.queued), (0, 10 * MS));
}

#[test]
fn x5_a_timeout_of_zero_ends_a_request_before_it_is_sent() {
    let mut driver = Driver::started(&policy(1));
    let options = RequestOptions { timeout: Some(Duration::ZERO), ..RequestOptions::default() };
    driver.read_requests(vec![Request { options, ..Request::get(1, "http://origin.test/") }], true);
    assert!(driver.running.is_empty());
    assert_eq!(causes(&driver.take()), [Some(Cause::TimeoutTotal)]);
}

#[test]
fn the_deadline_ends_all_requests_that_were_read() {
    let mut driver = Driver::started(&Policy { deadline: Some(10 * MS), ..policy(1) });
    driver.read(&["/a", "/b", "/c"], false);
    driver.pass(5 * MS);
    driver.respond("/a", 200);
    driver.pass(5 * MS);
    assert_eq!(driver.cancelled, ["/b"]);
    assert!(driver.closing);
    driver.read(&["/late"], false);
    let outcomes = driver.take();
    assert_eq!(causes(&outcomes), [None, Some(Cause::Deadline), Some(Cause::Deadline), Some(Cause::Deadline)]);
    let summary = driver.summary.unwrap();
    assert_eq!((summary.requests, summary.responses, summary.failures), (4, 1, 3));
    assert!(!summary.input_ended);
}

#[test]
fn x5_a_deadline_of_zero_reads_nothing() {
    let mut driver = Driver::started(&Policy { deadline: Some(Duration::ZERO), ..policy(1) });
    assert!(driver.closing && driver.reading.is_none());
    driver.read(&[], true);
    assert_eq!(driver.summary.unwrap().requests, 0);
}

#[test]
fn enough_successes_cancel_the_rest() {
    let mut driver = Driver::started(&Policy { until: Some(Until::Successes(2)), ..policy(4) });
    driver.read(&["/a", "/b", "/c", "/d", "/e"], false);
    driver.respond("/a", 503);
    driver.respond("/b", 204);
    assert!(driver.cancelled.is_empty());
    driver.respond("/c", 200);
    assert_eq!(driver.cancelled, ["/d", "/e"]);
    driver.read(&[], true);
    assert_eq!(causes(&driver.take()), [None, None, None, Some(Cause::Cancelled), Some(Cause::Cancelled)]);
    assert!(driver.summary.is_some());
}

#[test]
fn the_first_failure_cancels_the_rest_whether_it_is_a_status_or_a_cause() {
    for fail in [
        |driver: &mut Driver| driver.respond("/b", 500),
        |driver: &mut Driver| {
            driver.fail("/b", Cause::ConnectionRefused);
        },
    ] {
        let mut driver = Driver::started(&Policy { until: Some(Until::FirstFailure), ..policy(2) });
        driver.read(&["/a", "/b", "/c"], true);
        driver.respond("/a", 302);
        fail(&mut driver);
        assert_eq!(driver.cancelled, ["/c"]);
    }
}

#[test]
fn a_reader_that_leaves_cancels_everything_and_the_summary_still_adds_up() {
    let mut driver = Driver::started(&policy(2));
    driver.read(&["/a", "/b", "/c"], false);
    driver.respond("/a", 200);
    driver.handle(Event::ReaderGone);
    assert_eq!(driver.cancelled, ["/b", "/c"]);
    driver.read(&[], true);
    let summary = driver.summary.unwrap();
    assert_eq!((summary.requests, summary.responses, summary.failures), (3, 1, 2));
    assert_eq!(summary.by_cause[&Cause::Cancelled], 2);
}

/// T7: the outcome of a cancelled request reports what the engine knows about it.
#[test]
fn a_stop_ends_all_requests_that_were_read_or_pushed_at_once() {
    let mut driver = Driver::started(&policy(2));
    driver.read(&["/answered", "/begun", "/head", "/waits"], false);
    driver.respond("/answered", 200);
    driver.pass(10 * MS);
    driver.head("/head", 206);
    driver.handle(Event::Stop);
    assert_eq!((driver.cancelled.len(), driver.running.len()), (2, 0));
    // What was pushed and not read yet comes with the answer to the close.
    driver.read(&["/pushed"], true);
    let outcomes = driver.take();
    let reported: Vec<_> = outcomes[1..]
        .iter()
        .map(|outcome| {
            let failure = outcome.result.as_ref().unwrap_err();
            assert_eq!(failure.cause, Cause::Cancelled);
            (failure.phase, failure.sent, failure.status, outcome.attempts, outcome.timing.queued)
        })
        .collect();
    assert_eq!(
        reported,
        [
            (Phase::Head, Sent::Maybe, None, 1, Duration::ZERO),
            (Phase::Body, Sent::Yes, Some(206), 1, Duration::ZERO),
            (Phase::Queue, Sent::No, None, 0, 10 * MS),
            (Phase::Queue, Sent::No, None, 0, Duration::ZERO),
        ]
    );
    let summary = driver.summary.unwrap();
    assert_eq!((summary.requests, summary.responses, summary.failures, summary.attempts), (5, 1, 4, 3));
    assert!(!summary.input_ended);
}

#[test]
fn a_reader_that_leaves_without_demand_ends_the_batch() {
    let mut driver = Driver::new(&policy(2));
    driver.handle(Event::ReaderGone);
    driver.read(&[], true);
    assert_eq!(driver.summary.unwrap().requests, 0);
}

#[test]
fn events_of_an_attempt_that_has_ended_change_nothing() {
    let mut driver = Driver::started(&Policy { attempt_timeout: Some(10 * MS), ..policy(1) });
    driver.read(&["/a", "/b"], true);
    let late = driver.attempt("/a");
    driver.pass(10 * MS);
    driver.handle(Event::Head { attempt: late, status: 200, retry_after: None, location: None, facts: None });
    driver.handle(Event::Ended { attempt: late, response: "late".to_owned(), body_bytes: 1 });
    driver.respond("/b", 200);
    assert_eq!(causes(&driver.take()), [Some(Cause::TimeoutAttempt), None]);
}

#[test]
fn the_summary_counts_what_happened() {
    let mut driver = Driver::started(&policy(3));
    driver.read(&["/a", "/b", "/c"], true);
    driver.pass(10 * MS);
    driver.respond("/a", 200);
    driver.respond("/b", 404);
    driver.fail("/c", Cause::ConnectionTerminated);
    driver.take();
    let summary = driver.summary.unwrap();
    assert_eq!((summary.requests, summary.responses, summary.failures, summary.attempts), (3, 2, 1, 3));
    assert_eq!((summary.by_status.successful, summary.by_status.client_error), (1, 1));
    assert_eq!(summary.by_cause.into_iter().collect::<Vec<_>>(), [(Cause::ConnectionTerminated, 1)]);
    assert_eq!((summary.body_bytes, summary.peak_in_flight, summary.elapsed), (20, 3, 10 * MS));
    let median = summary.latency.p50.as_secs_f64() / (10 * MS).as_secs_f64();
    assert!((0.99..1.01).contains(&median), "{median}");
    assert!(summary.input_ended);
}
