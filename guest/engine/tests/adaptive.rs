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

#[test]
fn it_grows_to_its_ceiling_while_answers_come_as_usual_and_shrinks_when_they_slow_down() {
    let mut driver = Driver::begun(&policy());
    assert_eq!(rounds(&mut driver, 1, MS, 200).min(20), 18, "ten to begin with, and some for each answer");
    assert_eq!(rounds(&mut driver, 20, MS, 200), 100);
    let slowed = rounds(&mut driver, 3, 20 * MS, 200);
    assert!(slowed < 50, "{slowed}");
}

#[test]
fn errors_take_it_to_its_floor_and_answers_bring_it_back() {
    let mut driver = Driver::begun(&policy());
    assert_eq!(rounds(&mut driver, 60, MS, 503), 2);
    assert_eq!(rounds(&mut driver, 60, MS, 200), 100);
    if let Some(room) = driver.reading {
        driver.read(&vec!["/"; room as usize], false);
    }
    for _ in 0..100 {
        driver.fail("/", Cause::ConnectionTerminated);
    }
    driver.take();
    assert!(driver.running.len() < 40, "{}", driver.running.len());
}

#[test]
fn what_one_batch_has_learned_the_next_one_knows() {
    let mut driver = Driver::begun(&policy());
    rounds(&mut driver, 60, MS, 503);
    let mut next = Driver::begun(&policy());
    next.origins = driver.origins;
    next.read(&["/"; 50], false);
    assert_eq!(next.running.len(), 2);
}
