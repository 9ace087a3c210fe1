//! How the limit of an origin follows what it can bear.

use crate::driver::Driver;
use fantail_engine::{Cause, Policy};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

fn policy() -> Policy {
    Policy { concurrency: Some(100), window: Some(400), per_origin_floor: Some(2), ..Policy::default() }
}

/// Keeps an origin busy for so many rounds in which each answer takes as long, and tells how many it is asked at once then.
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

/// L10: at most a part of a request for each round trip, as gradient2 has it.
#[test]
fn it_grows_to_its_ceiling_while_answers_come_as_usual_and_shrinks_when_they_slow_down() {
    let mut driver = Driver::started(&policy());
    assert_eq!(rounds(&mut driver, 10, MS, 200), 18, "ten to begin with, and less than one for each round trip");
    assert_eq!(rounds(&mut driver, 110, MS, 200), 100);
    let slowed = rounds(&mut driver, 20, 20 * MS, 200);
    assert!(slowed < 25, "{slowed}");
}

/// L10: what was in flight at one moment cuts once, however much of it fails.
#[test]
fn errors_take_it_to_its_floor_answers_bring_it_back_and_what_fails_at_one_moment_cuts_once() {
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

/// L10: to be told of too many requests is no reason to ask more.
#[test]
fn nothing_but_429_takes_it_to_its_floor() {
    let mut driver = Driver::started(&policy());
    assert_eq!(rounds(&mut driver, 60, MS, 429), 2);
}

#[test]
fn what_one_batch_has_learned_the_next_one_knows() {
    let mut driver = Driver::started(&policy());
    rounds(&mut driver, 60, MS, 503);
    let mut next = Driver::started(&policy());
    next.origins = driver.origins;
    next.read(&["/"; 50], false);
    assert_eq!(next.running.len(), 2);
}
