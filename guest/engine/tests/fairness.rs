//! The order in which requests are started.

use crate::driver::Driver;
use fantail_engine::{Cause, Policy, Priority, Request, RequestOptions};
use std::time::Duration;

fn get(id: u64, host: &str) -> Request {
    Request::get(id, format!("http://{host}.test/{id}"))
}

fn running(driver: &Driver) -> Vec<&str> {
    driver.running.values().map(String::as_str).collect()
}

#[test]
fn one_origin_gets_no_more_than_its_share_and_others_continue() {
    let mut driver = Driver::started(&Policy { concurrency: Some(8), per_origin: Some(2), ..Policy::default() });
    let mut requests: Vec<Request> = (0..6).map(|id| get(id, "slow")).collect();
    requests.push(get(6, "fast"));
    driver.read_requests(requests, false);
    assert_eq!(running(&driver), ["/0", "/1", "/6"]);
    driver.respond("/0", 200);
    assert_eq!(running(&driver), ["/1", "/2", "/6"]);
}

#[test]
fn a_flooded_origin_does_not_hold_back_later_requests_to_others() {
    let mut driver = Driver::started(&Policy { concurrency: Some(2), window: Some(64), ..Policy::default() });
    let requests = (0..40).map(|id| get(id, "flooded")).chain((40..42).map(|id| get(id, "other")));
    driver.read_requests(requests.collect(), false);
    driver.respond("/0", 200);
    driver.respond("/1", 200);
    assert!(running(&driver).contains(&"/40"), "{:?}", running(&driver));
}

#[test]
fn requests_of_high_priority_go_first_and_of_low_priority_last() {
    let mut driver = Driver::started(&Policy { concurrency: Some(1), window: Some(8), ..Policy::default() });
    let with = |id, priority| {
        let options = RequestOptions { priority: Some(priority), ..RequestOptions::default() };
        Request { options, ..get(id, "a") }
    };
    driver.read_requests(vec![get(0, "a"), with(1, Priority::Low), get(2, "a"), with(3, Priority::High)], true);
    let mut order = Vec::new();
    while let Some(path) = driver.running.values().next().cloned() {
        driver.respond(&path, 200);
        order.push(path);
    }
    assert_eq!(order, ["/3", "/0", "/2", "/1"]);
}

#[test]
fn a_redirect_takes_a_slot_of_its_new_origin_and_frees_the_old_one() {
    let policy = Policy { concurrency: Some(4), per_origin: Some(1), redirects: Some(2), ..Policy::default() };
    let mut driver = Driver::started(&policy);
    driver.read_requests(vec![get(0, "a"), get(1, "a"), get(2, "b")], true);
    assert_eq!(running(&driver), ["/0", "/2"]);
    driver.redirect("/0", 302, "http://b.test/there");
    assert_eq!(running(&driver), ["/1", "/2"], "the new origin is full, the old one free");
    driver.respond("/2", 200);
    assert_eq!(running(&driver), ["/there", "/1"]);
}

#[test]
fn a_request_that_backs_off_holds_no_slot_of_its_origin() {
    let policy = Policy { per_origin: Some(1), retries: Some(1), ..Policy::default() };
    let mut driver = Driver::started(&policy);
    driver.read_requests(vec![get(0, "a"), get(1, "a")], true);
    driver.fail("/0", Cause::ConnectionRefused);
    assert_eq!(running(&driver), ["/1"]);
    driver.pass(Duration::from_millis(100));
    assert_eq!(running(&driver), ["/1"]);
    driver.respond("/1", 200);
    assert_eq!(running(&driver), ["/0"]);
}
