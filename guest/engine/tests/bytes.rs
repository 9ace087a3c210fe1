//! The window of bytes: how many bytes requests and responses may hold, whatever their number.

use crate::driver::{Driver, causes};
use fantail_engine::{Cause, Event, MAX_HEADER_BYTES, MAX_HEADERS, Order, Policy, Request};
use std::time::Duration;

const KIB: u64 = 1 << 10;

fn policy(window_bytes: u64) -> Policy {
    Policy { window_bytes: Some(window_bytes), concurrency: Some(64), ..Policy::default() }
}

fn upload(id: u64, bytes: usize) -> Request {
    let body = Some(vec![0; bytes]);
    Request { method: "PUT".to_owned(), body, ..Request::get(id, format!("http://origin.test/{id}")) }
}

/// L3: the bytes of requests count, not only their number.
#[test]
fn requests_are_read_and_sent_as_their_bytes_fit_into_the_window() {
    let mut driver = Driver::started(&policy(1_024 * KIB));
    driver.read_requests((0..5).map(|id| upload(id, 300 << 10)).collect(), false);
    assert_eq!(driver.running.len(), 1, "more is held than fits: one at a time");
    assert_eq!(driver.reading, None, "and no more is read");
    for left in (0..5).rev() {
        let path = driver.running.values().next().unwrap().clone();
        driver.respond(&path, 200);
        driver.take();
        assert!(driver.engine.held_bytes() <= left * (301 * KIB + 16 * KIB + 1_200) + KIB, "given back");
    }
    assert!(driver.reading.is_some());
}

/// L3: the bodies of responses count too.
#[test]
fn bodies_grow_only_within_the_window_but_one_always_can() {
    let mut driver = Driver::started(&policy(1_024 * KIB));
    driver.read(&["/a", "/b", "/c"], true);
    for path in ["/c", "/b", "/a"] {
        let attempt = driver.attempt(path);
        driver.handle(Event::Wants { attempt, bytes: 700 * KIB });
    }
    let named = |driver: &Driver, paths: &[&str]| paths.iter().map(|path| driver.attempt(path)).collect::<Vec<_>>();
    assert_eq!(driver.granted, named(&driver, &["/c"]), "whoever asks while there is room");
    let waiting = named(&driver, &["/a", "/b"]);
    driver.respond("/c", 200);
    assert_eq!(driver.granted[1..], waiting[..1], "then the oldest");
    driver.respond("/a", 200);
    driver.take();
    assert_eq!(driver.granted[1..], waiting);
    // One body that is larger than the window.
    let mut driver = Driver::started(&policy(64 * KIB));
    driver.read(&["/a", "/b"], true);
    driver.handle(Event::Wants { attempt: driver.attempt("/a"), bytes: 900 * KIB });
    while driver.granted.is_empty() {
        let other = driver.running.values().find(|path| *path != "/a").unwrap().clone();
        driver.respond(&other, 200);
        driver.take();
    }
    assert!(driver.engine.held_bytes() > 900 * KIB);
}

/// An outcome held back by the input's order must not keep the request it waits for from growing.
#[test]
fn outcomes_held_back_by_the_input_order_do_not_block_the_first() {
    let mut driver = Driver::started(&Policy { order: Some(Order::Input), ..policy(64 * KIB) });
    driver.read(&["/a", "/b"], true);
    let long = "x".repeat(60 << 10);
    let attempt = driver.attempt("/b");
    driver.handle(Event::Head { attempt, status: 200, retry_after: None, location: None, facts: None });
    driver.running.remove(&attempt);
    driver.handle(Event::Ended { attempt, response: long, body_bytes: 60 << 10 });
    driver.handle(Event::Wants { attempt: driver.attempt("/a"), bytes: 500 * KIB });
    assert_eq!(driver.granted, [driver.attempt("/a")]);
}

#[test]
fn a_finished_batch_holds_no_bytes() {
    let mut driver = Driver::started(&Policy { timeout: Some(Duration::from_secs(1)), ..policy(256 * KIB) });
    driver.read_requests((0..9).map(|id| upload(id, 50_000)).collect(), true);
    let first = driver.running.keys().next().copied().unwrap();
    driver.handle(Event::Wants { attempt: first, bytes: 90_000 });
    driver.pass(Duration::from_secs(2));
    let outcomes = driver.take();
    assert_eq!(causes(&outcomes), vec![Some(Cause::TimeoutTotal); 9]);
    assert_eq!(driver.engine.held_bytes(), 0);
    assert!(driver.summary.is_some());
}

/// L1: a host that ends the instance because of one request ends all others with it.
#[test]
fn headers_too_large_for_any_host_are_refused_before_they_are_sent() {
    let mut driver = Driver::started(&Policy::default());
    let with = |id, headers| Request { headers, ..Request::get(id, "http://origin.test/") };
    let one = |bytes: usize| vec![("x".to_owned(), vec![b'a'; bytes])];
    let many = |count: usize| (0..count).map(|at| (format!("x-{at}"), b"1".to_vec())).collect();
    let requests = vec![
        with(1, one(MAX_HEADER_BYTES - 1)),
        with(2, one(MAX_HEADER_BYTES)),
        with(3, many(MAX_HEADERS)),
        with(4, many(MAX_HEADERS + 1)),
    ];
    driver.read_requests(requests, true);
    assert_eq!(driver.running.len(), 2);
    let outcomes = driver.take();
    assert_eq!(outcomes.iter().map(|outcome| outcome.id).collect::<Vec<_>>(), [2, 4]);
    assert_eq!(causes(&outcomes), [Some(Cause::HttpRequestHeaderSectionSize); 2]);
    let details: Vec<_> = outcomes.iter().map(|outcome| outcome.result.as_ref().unwrap_err().detail.clone()).collect();
    assert_eq!(details[0].as_deref(), Some("the headers have 65537 bytes, at most 65536 are sent"));
    assert_eq!(details[1].as_deref(), Some("257 header fields, at most 256 are sent"));
}
