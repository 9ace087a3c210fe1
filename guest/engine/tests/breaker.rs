//! Circuit breakers: when an origin is not sent to, and when it is probed.

use crate::driver::{Driver, causes};
use fantail_engine::{Cause, Phase, Policy, Sent};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Opens at half of ten, for three seconds.
fn policy() -> Policy {
    Policy {
        concurrency: Some(4),
        window: Some(64),
        breaker_percent: Some(50),
        breaker_minimum: Some(10),
        breaker_open: Some(3 * SECOND),
        ..Policy::default()
    }
}

/// Reads a request for each result, and ends it with that cause, or with 200. Returns the causes of the outcomes.
fn ended(driver: &mut Driver, results: &[Option<Cause>]) -> Vec<Option<Cause>> {
    for result in results {
        driver.read(&["/x"], false);
        if driver.running.is_empty() {
            continue;
        }
        match result {
            Some(cause) => driver.fail("/x", *cause),
            None => driver.respond("/x", 200),
        }
    }
    causes(&driver.take())
}

fn opened() -> Driver {
    let mut driver = Driver::started(&policy());
    let results = [[Some(Cause::ConnectionRefused); 5].as_slice(), &[None; 5]].concat();
    assert_eq!(ended(&mut driver, &results).len(), 10);
    driver
}

const OPEN: Option<Cause> = Some(Cause::BreakerOpen);
const REFUSED: Option<Cause> = Some(Cause::ConnectionRefused);

#[test]
fn it_opens_at_its_ratio_of_the_minimum_and_reports_the_next_probe() {
    let mut driver = opened();
    driver.pass(SECOND);
    driver.read(&["/x"], true);
    let outcome = driver.take().remove(0);
    assert_eq!((outcome.attempts, driver.sent.len()), (0, 10), "it costs nothing");
    let failure = outcome.result.unwrap_err();
    assert_eq!((failure.cause, failure.phase, failure.sent), (Cause::BreakerOpen, Phase::Queue, Sent::No));
    assert!(failure.retryable && failure.detail.unwrap().contains("next probe in 2s"));
}

#[test]
fn it_stays_closed_below_the_ratio_and_below_the_minimum() {
    let mut driver = Driver::started(&policy());
    let few = [[REFUSED; 4].as_slice(), &[None; 8], &[REFUSED; 3], &[None; 4]].concat();
    assert!(!ended(&mut driver, &few).contains(&OPEN), "4 of 10, 7 of 15");
    let mut driver = Driver::started(&policy());
    assert!(!ended(&mut driver, &[REFUSED; 9]).contains(&OPEN));
    driver.pass(10 * SECOND);
    assert!(!ended(&mut driver, &[REFUSED; 9]).contains(&OPEN), "those before are too long ago");
}

#[test]
fn without_a_policy_for_it_it_never_opens() {
    let mut driver = Driver::started(&Policy { window: Some(64), ..Policy::default() });
    assert_eq!(ended(&mut driver, &[REFUSED; 40]), [REFUSED; 40]);
}

#[test]
fn one_probe_at_a_time_decides() {
    let mut driver = opened();
    driver.pass(3 * SECOND);
    driver.read(&["/x"], false);
    assert_eq!(driver.running.len(), 1, "the probe");
    driver.read(&["/y"], false);
    assert_eq!(causes(&driver.take()), [OPEN], "nobody else");
    driver.fail("/x", Cause::ConnectionRefused);
    driver.pass(2 * SECOND);
    driver.take();
    assert_eq!(ended(&mut driver, &[None]), [OPEN], "open again for as long");
    driver.pass(SECOND);
    assert_eq!(ended(&mut driver, &[None, None, REFUSED, None]), [None, None, REFUSED, None], "closed, and forgotten");
}

#[test]
fn a_probe_without_a_result_is_replaced_by_another() {
    let mut driver = Driver::started(&policy());
    ended(&mut driver, &[REFUSED; 10]);
    driver.pass(3 * SECOND);
    driver.read(&["/probe"], false);
    driver.pass(3 * SECOND);
    driver.read(&["/another"], false);
    assert_eq!(driver.running.len(), 2);
}

#[test]
fn only_failures_of_the_origin_count() {
    let mut driver = Driver::started(&policy());
    let ours = [Some(Cause::DestinationIpProhibited), Some(Cause::BodyTooLarge), Some(Cause::NotGranted)];
    assert!(!ended(&mut driver, &ours.repeat(7)).contains(&OPEN));
    let mut driver = Driver::started(&policy());
    for _ in 0..10 {
        driver.read(&["/x"], false);
        driver.respond("/x", 503);
    }
    driver.take();
    assert_eq!(ended(&mut driver, &[None]), [OPEN], "a server's error is");
}

#[test]
fn a_breaker_affects_all_batches_but_no_other_origin() {
    let mut first = opened();
    let mut second = Driver::started(&policy());
    second.now = first.now;
    second.origins = std::mem::take(&mut first.origins);
    second.read_requests(vec![fantail_engine::Request::get(1, "http://other.test/")], false);
    assert_eq!(second.running.len(), 1);
    second.read(&["/x"], false);
    assert_eq!(causes(&second.take()), [OPEN]);
}

#[test]
fn requests_to_an_open_breaker_fail_at_once_whatever_the_rate() {
    let mut driver = Driver::started(&Policy { rate: Some(100), burst: Some(100), ..policy() });
    ended(&mut driver, &[REFUSED; 10]);
    let mut slow = Driver::started(&Policy { rate: Some(1), ..policy() });
    (slow.now, slow.origins) = (driver.now, std::mem::take(&mut driver.origins));
    slow.read(&["/x"; 20], false);
    assert_eq!(causes(&slow.take()), [OPEN; 20]);
}

#[test]
fn a_probe_over_a_closed_connection_is_repeated_at_once() {
    let mut driver = opened();
    driver.pass(3 * SECOND);
    driver.read(&["/probe"], false);
    driver.fail("/probe", Cause::ConnectionTerminated);
    assert_eq!(driver.running.len(), 1, "the five that were answered may have left it a connection");
    driver.respond("/probe", 200);
    assert_eq!(causes(&driver.take()), [None]);
}

/// Sends a request beside those in flight. Returns whether it was admitted; if so, it is answered.
fn is_let_through(driver: &mut Driver) -> bool {
    driver.read(&["/asked"], false);
    let let_through = driver.running.values().any(|path| path == "/asked");
    if let_through {
        driver.respond("/asked", 200);
    }
    driver.take();
    let_through
}

/// L9: results of attempts admitted before the breaker opened do not count.
#[test]
fn late_results_neither_close_it_nor_keep_it_open() {
    let mut driver = Driver::started(&Policy { concurrency: Some(20), ..policy() });
    driver.read(&["/late/0", "/late/1", "/late/2", "/late/3"], false);
    for _ in 0..10 {
        driver.read(&["/x"], false);
        driver.fail("/x", Cause::ConnectionRefused);
    }
    driver.pass(SECOND);
    driver.respond("/late/0", 200);
    driver.fail("/late/1", Cause::ConnectionRefused);
    assert!(!is_let_through(&mut driver), "an old success does not close it");
    driver.pass(2 * SECOND);
    driver.read(&["/probe"], false);
    assert_eq!(driver.running.len(), 3, "an old failure does not put off the probe");
    driver.respond("/late/2", 200);
    assert!(!is_let_through(&mut driver), "nor does an old success decide for it");
    driver.respond("/probe", 200);
    driver.fail("/late/3", Cause::ConnectionRefused);
    assert!((0..3).all(|_| is_let_through(&mut driver)));
}

/// L9: a cancelled probe is replaced by another after the time that the breaker stays open.
#[test]
fn a_cancelled_probe_is_replaced_by_another() {
    let mut driver = opened();
    driver.pass(3 * SECOND);
    let options = fantail_engine::RequestOptions { timeout: Some(SECOND), ..Default::default() };
    let probe = fantail_engine::Request { options, ..fantail_engine::Request::get(1, "http://origin.test/probe") };
    driver.read_requests(vec![probe], false);
    driver.pass(SECOND);
    assert_eq!(causes(&driver.take()), [Some(Cause::TimeoutTotal)]);
    driver.pass(SECOND);
    assert_eq!(ended(&mut driver, &[None]), [OPEN]);
    driver.pass(SECOND);
    assert_eq!(ended(&mut driver, &[None, None]), [None, None]);
}

/// L5: a batch whose rule opens at the first failure, for an hour, affects only itself.
#[test]
fn one_batchs_rule_does_not_affect_another_batch() {
    let wary = Policy { breaker_minimum: Some(1), breaker_open: Some(3_600 * SECOND), ..policy() };
    let mut first = Driver::started(&wary);
    assert_eq!(ended(&mut first, &[REFUSED, None]), [REFUSED, OPEN]);
    let mut second = Driver::started(&policy());
    (second.now, second.origins) = (first.now, std::mem::take(&mut first.origins));
    assert_eq!(ended(&mut second, &[None; 5]), [None; 5]);
    (first.now, first.origins) = (second.now, std::mem::take(&mut second.origins));
    assert_eq!(ended(&mut first, &[None]), [OPEN], "and it keeps to it");
}
