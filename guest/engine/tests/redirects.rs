//! Which redirects are followed, with which method, and with which headers.

use crate::driver::{Driver, causes};
use fantail_engine::{BodyMode, Cause, Header, Outcome, Phase, Policy, Request, RequestOptions, Sent};
use std::time::Duration;

fn policy() -> Policy {
    Policy { redirects: Some(3), ..Policy::default() }
}

fn header(name: &str) -> Header {
    (name.to_owned(), b"x".to_vec())
}

/// The request that is sent after a redirect.
fn followed(request: Request, status: u16, location: &str) -> (String, Request) {
    let mut driver = Driver::started(&policy());
    let path = url::Url::parse(&request.url).unwrap().path().to_owned();
    driver.read_requests(vec![request], true);
    driver.redirect(&path, status, location);
    assert_eq!(driver.sent.len(), 2, "followed: {:?}", driver.outcomes);
    driver.sent.remove(1)
}

/// The outcome of a request whose redirect must not be followed.
fn refused(url: &str, location: &str) -> Outcome<String> {
    let mut driver = Driver::started(&policy());
    driver.read_requests(vec![Request::get(1, url)], true);
    let path = driver.running.values().next().unwrap().clone();
    driver.redirect(&path, 302, location);
    driver.take().remove(0)
}

#[test]
fn by_default_a_redirect_is_a_response() {
    let mut driver = Driver::started(&Policy::default());
    driver.read(&["/a"], true);
    driver.redirect("/a", 302, "/b");
    assert!(driver.take()[0].result.is_ok());
}

#[test]
fn a_chain_is_followed_and_its_hops_are_reported() {
    let mut driver = Driver::started(&policy());
    driver.read(&["/a"], true);
    driver.redirect("/a", 301, "b?q=1#part");
    driver.redirect("/b", 307, "//other.test/c");
    assert_eq!(driver.running.len(), 1, "in the one slot it has");
    driver.respond("/c", 200);
    let outcome = driver.take().remove(0);
    assert_eq!(outcome.url, "http://other.test/c");
    assert_eq!(outcome.hops, ["http://origin.test/a", "http://origin.test/b?q=1"]);
    assert_eq!((outcome.attempts, outcome.result.as_deref()), (3, Ok("/c")));
    let summary = driver.summary.unwrap();
    assert_eq!((summary.attempts, summary.retries), (3, 0), "a hop is no retry");
}

#[test]
fn r8_the_status_decides_whether_the_method_is_kept_or_becomes_get() {
    for (method, status, expected) in [
        ("GET", 301, "GET"),
        ("HEAD", 303, "HEAD"),
        ("POST", 301, "GET"),
        ("POST", 302, "GET"),
        ("POST", 303, "GET"),
        ("PUT", 303, "GET"),
        ("PUT", 302, "PUT"),
        ("POST", 307, "POST"),
        ("POST", 308, "POST"),
    ] {
        let request = Request {
            method: method.to_owned(),
            body: Some(b"body".to_vec()),
            headers: vec![header("Content-Type"), header("accept")],
            ..Request::get(1, "http://origin.test/a")
        };
        let (_, sent) = followed(request, status, "/b");
        assert_eq!(sent.method, expected, "{method} {status}");
        let kept = expected == method;
        assert_eq!((sent.body.is_some(), sent.headers.len()), (kept, if kept { 2 } else { 1 }), "{method} {status}");
    }
}

#[test]
fn r7_credentials_stay_with_their_origin() {
    let names = ["Authorization", "cookie", "X-Key", "accept"];
    let request = Request {
        headers: names.map(header).to_vec(),
        options: RequestOptions { secret_headers: vec!["x-key".to_owned()], ..RequestOptions::default() },
        ..Request::get(1, "https://origin.test/a")
    };
    for (location, same) in [
        ("/b", true),
        ("https://ORIGIN.test:443/b", true),
        ("https://origin.test:8443/b", false),
        ("https://www.origin.test/b", false),
        ("//other.test/b", false),
    ] {
        let (_, sent) = followed(request.clone(), 302, location);
        assert_eq!(sent.headers.len(), if same { 4 } else { 1 }, "{location}");
    }
}

#[test]
fn r7_credentials_do_not_come_back_with_the_origin() {
    let mut driver = Driver::started(&policy());
    let request = Request { headers: vec![header("authorization")], ..Request::get(1, "http://origin.test/a") };
    driver.read_requests(vec![request], true);
    driver.redirect("/a", 302, "http://other.test/b");
    driver.redirect("/b", 302, "http://origin.test/c");
    assert!(driver.sent[2].1.headers.is_empty());
}

#[test]
fn r5_a_redirect_that_must_not_be_followed_fails_with_a_reason() {
    for (url, location, detail) in [
        ("https://origin.test/a", "http://origin.test/a", "it leads from https to http"),
        ("http://origin.test/a", "ftp://origin.test/", "it leads to the scheme ftp"),
        ("http://origin.test/a", "file:///etc/passwd", "it leads to the scheme file"),
        ("http://origin.test/a", "http://user@origin.test/", "a user name"),
        ("http://origin.test/a", "http://:99999/", "not a URL"),
    ] {
        let failure = refused(url, location).result.unwrap_err();
        assert_eq!((failure.cause, failure.phase), (Cause::RedirectDenied, Phase::Redirect), "{location}");
        assert_eq!((failure.status, failure.sent, failure.retryable), (Some(302), Sent::Yes, false));
        assert!(failure.detail.unwrap().contains(detail), "{location}");
    }
}

#[test]
fn r1_loops_and_long_chains_end() {
    let outcome = refused("http://origin.test/a", "/a#again");
    assert_eq!(causes(&[outcome]), [Some(Cause::RedirectLimit)]);
    let mut driver = Driver::started(&policy());
    driver.read(&["/0"], true);
    for hop in 0..4 {
        driver.redirect(&format!("/{hop}"), 302, &format!("/{}", hop + 1));
    }
    let outcome = driver.take().remove(0);
    assert_eq!((outcome.hops.len(), outcome.attempts), (3, 4));
    assert_eq!(causes(&[outcome]), [Some(Cause::RedirectLimit)]);
}

#[test]
fn a_redirect_without_a_location_is_a_response() {
    for status in [300, 302, 304] {
        let mut driver = Driver::started(&policy());
        driver.read(&["/a"], true);
        driver.respond("/a", status);
        assert!(driver.take()[0].result.is_ok(), "{status}");
    }
}

#[test]
fn every_hop_may_be_retried_within_the_requests_timeout_and_retries() {
    let mut driver = Driver::started(&Policy { retries: Some(1), timeout: Some(Duration::from_secs(5)), ..policy() });
    driver.read(&["/a"], true);
    driver.redirect("/a", 302, "/b");
    driver.fail("/b", Cause::ConnectionRefused);
    driver.pass(Duration::from_millis(100));
    driver.redirect("/b", 302, "/c");
    driver.fail("/c", Cause::ConnectionRefused);
    let outcomes = driver.take();
    assert_eq!(
        (outcomes[0].attempts, causes(&outcomes)),
        (4, vec![Some(Cause::ConnectionRefused)]),
        "one retry in all"
    );
}

#[test]
fn a_redirect_releases_its_unread_body() {
    let unread = Policy { body: Some(BodyMode::Unread), max_unread: Some(1), ..policy() };
    let mut driver = Driver::started(&unread);
    driver.read(&["/a", "/x"], true);
    driver.redirect("/a", 302, "/b");
    assert!(driver.running.values().eq(["/b"]), "before the other, which waits for the one place");
}
