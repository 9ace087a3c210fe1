//! Adaptive concurrency: how an origin's limit follows its capacity.

use crate::driver::Driver;
use fantail_engine::{Cause, Policy};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

fn policy() -> Policy {
    Policy { concurrency: Some(100), window: Some(400), per_origin_floor: Some(2), ..Policy::default() }
}

/// Keeps an origin busy for `rounds` in which each answer takes `each`. Returns how many requests are then in flight.
fn rounds(driver: &mut Driver, rounds: u32, each: Duration, status: u16) -> usize {
    for _ in 0..rounds {
        if let Some(room) = driver.reading {
            driver.read(&vec!["/"; room as usize], false);
        }
        driver.pass(each);
        for _ in 0..driver.running.len() {
            driver.respond("/", status);
        }
        driver.take();
    }
    driver.running.len()
}

/// L10: at most a part of a request per round trip, as gradient2 does.
#[test]
fn the_limit_grows_to_its_ceiling_while_answers_are_fast_and_shrinks_when_they_slow_down() {
    let mut driver = Driver::started(&policy());
    assert_eq!(rounds(&mut driver, 10, MS, 200), 18, "ten to begin with, and less than one for each round trip");
    assert_eq!(rounds(&mut driver, 110, MS, 200), 100);
    let slowed = rounds(&mut driver, 20, 20 * MS, 200);
    assert!(slowed < 25, "{slowed}");
}

/// L10: attempts in flight at one moment cut the limit once, however many of them fail.
#[test]
fn errors_reduce_the_limit_to_its_floor_answers_restore_it_and_simultaneous_failures_cut_once() {
    let mut driver = Driver::started(&policy());
    assert_eq!(rounds(&mut driver, 60, MS, 503), 2);
    assert_eq!(rounds(&mut driver, 130, MS, 200), 100);
    if let Some(room) = driver.reading {
        driver.read(&vec!["/"; room as usize], false);
    }
    for _ in 0..100 {
        driver.fail("/", Cause::ConnectionRefused);
    }
    driver.take();
    // Its limit had grown a little beyond what the policy lets it use.
    assert!((90..100).contains(&driver.running.len()), "{}", driver.running.len());
}

/// L10: 429 must not raise the limit.
#[test]
fn answers_of_429_reduce_the_limit_to_its_floor() {
    let mut driver = Driver::started(&policy());
    assert_eq!(rounds(&mut driver, 60, MS, 429), 2);
}

#[test]
fn the_learned_limit_is_shared_with_the_next_batch() {
    let mut driver = Driver::started(&policy());
    rounds(&mut driver, 60, MS, 503);
    let mut next = Driver::started(&policy());
    next.origins = driver.origins;
    next.read(&["/"; 50], false);
    assert_eq!(next.running.len(), 2);
}
