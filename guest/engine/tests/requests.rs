//! The checks of a request before anything is sent.

use crate::driver::Driver;
use fantail_engine::{BodyMode, Cause, Engine, Failure, Fault, Phase, Policy, Request, RequestOptions, Sent};

fn failure(request: Request) -> Failure {
    let mut driver = Driver::started(&Policy::default());
    driver.read_requests(vec![request, Request::get(2, "http://healthy.test/fine")], true);
    driver.respond("/fine", 200);
    let mut outcomes = driver.take();
    assert_eq!(outcomes.len(), 2);
    assert_eq!((outcomes[1].id, outcomes[1].result.is_ok()), (2, true), "the healthy one is untouched");
    let failure = outcomes.remove(0).result.unwrap_err();
    assert_eq!((failure.phase, failure.fault, failure.sent), (Phase::Request, Fault::Caller, Sent::No));
    assert!(!failure.retryable);
    failure
}

fn detail(failure: Failure) -> String {
    failure.detail.unwrap()
}

fn with_header(name: &str, value: &[u8]) -> Request {
    Request { headers: vec![(name.to_owned(), value.to_vec())], ..Request::get(1, "http://origin.test/") }
}

#[test]
fn an_invalid_url_is_refused_with_a_reason() {
    let long = format!("http://origin.test/{}", "x".repeat(20_000));
    for (url, why) in [
        ("not a url", "not an absolute URL"),
        ("/path", "not an absolute URL"),
        ("", "not an absolute URL"),
        ("http://", "empty host"),
        ("http://[::1", "invalid IPv6"),
        ("http://origin.test:99999/", "invalid port"),
        ("user:secret@origin.test/path", "not an absolute URL"),
        ("ftp://origin.test/", "the scheme is ftp"),
        ("file:///etc/passwd", "the scheme is file"),
        ("http://user:secret@origin.test/", "user name or password"),
        (&long, "20019 bytes"),
    ] {
        let failure = failure(Request::get(1, url));
        assert_eq!(failure.cause, Cause::InvalidUrl, "{url}");
        let detail = detail(failure);
        assert!(detail.contains(why), "{url}: {detail}");
        assert!(!detail.contains("secret"));
    }
}

#[test]
fn an_outcome_has_the_url_as_it_was_requested() {
    let mut driver = Driver::started(&Policy::default());
    let urls = ["HTTP://Origin.TEST:80/a/../b?q#part", "http://bücher.test", "nonsense"];
    let requests = urls.iter().enumerate().map(|(id, url)| Request::get(id as u64, *url)).collect();
    driver.read_requests(requests, true);
    driver.respond("/b", 200);
    driver.respond("/", 200);
    let urls: Vec<String> = driver.take().into_iter().map(|outcome| outcome.url).collect();
    assert_eq!(urls, ["nonsense", "http://origin.test/b?q#part", "http://xn--bcher-kva.test/"]);
}

#[test]
fn q1_headers_with_control_characters_are_refused() {
    for value in ["a\r\nevil: 1", "a\nb", "a\0b"] {
        let failure = failure(with_header("x-one", value.as_bytes()));
        assert_eq!(failure.cause, Cause::InvalidHeader);
        assert_eq!(detail(failure), "the value of header x-one has a control character (RFC 9110, 5.5)");
    }
    for name in ["", "a b", "a:b", "a\r\nb", "é"] {
        assert_eq!(failure(with_header(name, b"v")).cause, Cause::InvalidHeader, "{name:?}");
    }
}

#[test]
fn q2_headers_of_the_connection_cannot_be_set_by_callers() {
    for name in [
        "Host",
        "connection",
        "Transfer-Encoding",
        "upgrade",
        "proxy-authorization",
        "te",
        "keep-alive",
        "Fantail-Attempt",
    ] {
        let failure = failure(with_header(name, b"v"));
        assert!(detail(failure).contains("belongs to the connection"), "{name}");
    }
}

#[test]
fn q3_a_content_length_must_match_the_body() {
    let mut request = with_header("content-length", b"5");
    assert_eq!(failure(request.clone()).cause, Cause::InvalidHeader);
    request.body = Some(b"four".to_vec());
    assert_eq!(failure(request.clone()).cause, Cause::InvalidHeader);
    request.body = Some(b"fives".to_vec());
    assert!(request.check().is_ok());
}

#[test]
fn q1_a_method_is_a_token_and_not_connect() {
    for method in ["CONNECT", "GE T", "", "GET\r\n"] {
        let request = Request { method: method.to_owned(), ..Request::get(1, "http://origin.test/") };
        assert_eq!(failure(request).cause, Cause::HttpRequestMethodInvalid, "{method:?}");
    }
    let own = Request { method: "PURGE".to_owned(), ..Request::get(1, "http://origin.test/") };
    assert!(own.check().is_ok());
}

#[test]
fn once_it_may_have_been_sent_only_a_repeatable_request_is_retryable() {
    let post = Request { method: "POST".to_owned(), ..Request::get(1, "http://origin.test/") };
    let safe = RequestOptions { safe_to_repeat: Some(true), ..RequestOptions::default() };
    for (request, cause, retryable) in [
        (Request::get(1, "http://origin.test/"), Cause::ConnectionTerminated, true),
        (Request::get(1, "http://origin.test/"), Cause::TlsCertificateError, false),
        (post.clone(), Cause::ConnectionTerminated, false),
        (post.clone(), Cause::ConnectionRefused, true),
        (Request { options: safe, ..post }, Cause::ConnectionTerminated, true),
    ] {
        let mut driver = Driver::started(&Policy::default());
        driver.read_requests(vec![request], true);
        driver.fail("/", cause);
        assert_eq!(driver.take()[0].result.as_ref().unwrap_err().retryable, retryable, "{cause}");
    }
}

#[test]
fn with_a_list_unread_bodies_are_refused() {
    let policy = Policy { body: Some(BodyMode::Unread), ..Policy::default() };
    assert_eq!(Engine::<()>::for_list(&policy).unwrap_err().field, "body");
    let mut driver = Driver::new(&Policy::default());
    driver.engine = Engine::for_list(&Policy::default()).unwrap();
    driver.handle(fantail_engine::Event::Demand);
    let options = RequestOptions { body: Some(BodyMode::Unread), ..RequestOptions::default() };
    driver.read_requests(vec![Request { options, ..Request::get(1, "http://origin.test/") }], true);
    let outcomes = driver.take();
    assert_eq!(crate::driver::causes(&outcomes), [Some(Cause::InvalidRequest)]);
}

/// T12: credentials are never printed, even if they are the reason why a URL is refused.
#[test]
fn the_outcome_of_a_refused_url_shows_no_user_and_no_password() {
    for (url, shown) in [
        ("http://user:secret@origin.test/path?q=1", "http://origin.test/path?q=1"),
        ("http://user@origin.test/", "http://origin.test/"),
        ("http:user:secret@origin.test/", "http://origin.test/"),
        ("ftp://user:secret@origin.test/", "ftp://origin.test/"),
        ("http://user:secret@origin.test:99999/", "http://origin.test:99999/"),
        ("http://user:sec/ret@origin.test/", "http://origin.test/"),
        ("http://user:sec ret@[::1/", "http://[::1/"),
        ("user:secret@origin.test/", "origin.test/"),
        ("see user:secret@origin.test", "see origin.test"),
        ("not a url", "not a url"),
    ] {
        let mut driver = Driver::started(&Policy::default());
        driver.read_requests(vec![Request::get(1, url)], true);
        let outcome = driver.take().remove(0);
        let detail = outcome.result.unwrap_err().detail.unwrap();
        assert!(!outcome.url.contains("secret") && !detail.contains("secret"), "{url}: {} {detail}", outcome.url);
        assert_eq!(outcome.url, shown, "{url}");
    }
}
