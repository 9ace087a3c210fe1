//! How often an origin is asked.

use crate::driver::Driver;
use fantail_engine::{Hedge, Policy, Request};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

/// Ten a second, two at once.
fn policy() -> Policy {
    Policy { rate: Some(10), burst: Some(2), window: Some(64), ..Policy::default() }
}

fn paths(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("/{n}")).collect()
}

fn read(driver: &mut Driver, count: usize) {
    let paths = paths(count);
    driver.read(&paths.iter().map(String::as_str).collect::<Vec<_>>(), false);
}

#[test]
fn an_origin_is_asked_at_its_pace_whatever_waits() {
    let mut driver = Driver::begun(&policy());
    read(&mut driver, 20);
    assert_eq!(driver.running.len(), 2, "the burst");
    driver.pass(99 * MS);
    assert_eq!(driver.running.len(), 2);
    driver.pass(MS);
    assert_eq!(driver.running.len(), 3);
    driver.pass(Duration::from_secs(1));
    assert_eq!(driver.running.len(), 13);
    assert!(driver.running.values().map(String::as_str).eq(paths(13).iter().map(String::as_str)), "in their order");
}

#[test]
fn others_are_asked_meanwhile() {
    let mut driver = Driver::begun(&policy());
    let other = |id| Request::get(id, format!("http://other.test/other/{id}"));
    let requests = (0..9).map(|id| Request::get(id, format!("http://origin.test/{id}"))).chain([other(9), other(10)]);
    driver.read_requests(requests.collect(), false);
    assert_eq!(driver.running.values().filter(|path| path.starts_with("/other")).count(), 2);
    assert_eq!(driver.running.len(), 4);
}

#[test]
fn retries_and_second_attempts_keep_the_pace_too() {
    let fast = Policy { retries: Some(1), backoff: Some(MS), hedge: Some(Hedge::After(MS)), ..policy() };
    let mut driver = Driver::begun(&fast);
    read(&mut driver, 2);
    driver.fail("/0", fantail_engine::Cause::ConnectionRefused);
    driver.pass(50 * MS);
    assert_eq!(driver.sent.len(), 2, "neither again nor beside");
    driver.pass(50 * MS);
    assert_eq!(driver.sent.len(), 3);
}

#[test]
fn what_leaves_while_it_waits_leaves_nothing_behind() {
    let mut driver = Driver::begun(&Policy { timeout: Some(50 * MS), ..policy() });
    read(&mut driver, 10);
    driver.pass(50 * MS);
    assert_eq!(driver.take().len(), 10);
    assert_eq!(driver.engine.next_timer(), None);
    driver.pass(Duration::from_secs(1));
    read(&mut driver, 2);
    assert_eq!(driver.running.len(), 2);
}
