//! The library as its users see it, without any other crate of this workspace.

use crate::support::{builder, harness, origin, text};
use fantail::futures::{Stream, StreamExt, stream};
use fantail::{BodyError, BodyMode, Entry, Harness, Malformed, Outcome, Policy, Request, Response};
use std::time::Duration;

async fn fetch<S: Stream<Item: Into<Entry>> + Send + 'static>(harness: &Harness, requests: S) -> Vec<Outcome> {
    let mut outcomes: Vec<_> = harness.fetch(requests, &Policy::default()).await.unwrap().collect().await;
    outcomes.sort_by_key(|outcome| outcome.id);
    outcomes
}

/// The response to one request.
async fn response(request: Request) -> Response {
    fetch(&harness(), stream::iter([request])).await.remove(0).result.unwrap()
}

fn entries(url: &str) -> Vec<Entry> {
    let malformed = Malformed { id: 100, url: String::new(), detail: "not a request".to_owned() };
    vec![
        Request::get(url).into(),
        Request::get(url).id(7).into(),
        Entry::Malformed(malformed),
        Request::get(url).into(),
    ]
}

#[tokio::test]
async fn requests_without_an_id_are_numbered_by_their_place_in_the_stream() {
    let outcomes = fetch(&harness(), stream::iter(entries("http://127.0.0.1:1/"))).await;
    assert!(outcomes.iter().map(|outcome| outcome.id).eq([0, 3, 7, 100]), "{outcomes:?}");
}

#[tokio::test]
async fn ids_are_the_same_when_the_component_traps() {
    let broken = builder().component(crate::hostile::trapping()).build().unwrap();
    let outcomes = fetch(&broken, stream::iter(entries("http://127.0.0.1:1/"))).await;
    assert!(outcomes.iter().map(|outcome| outcome.id).eq([0, 3, 7, 100]), "{outcomes:?}");
}

#[tokio::test]
async fn everything_set_on_a_request_is_sent() {
    let origin = origin().await;
    let request = Request::post(origin.url("/echo"), "a=1").header("x-one", "1").secret_header("x-two", "2");
    let outcome = fetch(&harness(), stream::iter([request])).await.remove(0);
    let echo = text(&outcome);
    assert!(echo.starts_with("POST /echo HTTP/1.1\r\n") && echo.ends_with("\r\n\r\na=1"), "{echo}");
    assert!(echo.contains("x-one: 1\r\n") && echo.contains("x-two: 2\r\n"), "{echo}");
}

#[tokio::test]
async fn a_request_timeout_is_an_error_that_does_not_contain_the_url() {
    let origin = origin().await;
    let request = Request::get(origin.url("/hang")).timeout(Duration::from_millis(50));
    let outcome = fetch(&harness(), stream::iter([request])).await.remove(0);
    let error: Box<dyn std::error::Error + Send + Sync> = outcome.result.unwrap_err().into();
    let sentence = "timeout-total while waiting for the response; the request may have been sent";
    assert_eq!(error.to_string(), sentence);
}

#[tokio::test]
async fn a_response_has_its_text_and_its_headers_by_name() {
    let origin = origin().await;
    let response = response(Request::get(origin.url("/ok"))).await;
    assert_eq!(response.text().unwrap(), "hello world");
    assert_eq!(response.header("Content-Type"), Some("text/plain"));
    assert_eq!(response.header("x-none"), None);
}

#[tokio::test]
async fn a_body_that_is_not_utf_8_has_no_text_but_keeps_its_bytes() {
    // Ends with the first byte of a two-byte character.
    let origin = origin().await;
    let response = response(Request::post(origin.url("/echo"), b"gr\xc3".to_vec())).await;
    assert!(matches!(response.text(), Err(BodyError::NotUtf8(_))));
    assert!(response.bytes().unwrap().ends_with(b"gr\xc3"));
}

#[tokio::test]
async fn reading_a_body_that_was_not_kept_is_an_error() {
    let origin = origin().await;
    let discarded = response(Request::get(origin.url("/ok")).body_mode(BodyMode::Discard)).await;
    assert!(matches!(discarded.text(), Err(BodyError::Discarded)));
    let unread = response(Request::get(origin.url("/bytes/1000")).body_mode(BodyMode::Unread)).await;
    assert!(matches!(unread.text(), Err(BodyError::Unread)));
}

#[test]
fn a_body_is_deserialized_from_json() {
    let response =
        |body: &'static str| Response { status: 200, headers: Vec::new(), body: fantail::Body::Bytes(body.into()) };
    assert_eq!(response("[1, 2]").json::<Vec<u8>>().unwrap(), [1, 2]);
    assert!(matches!(response("[1, 300]").json::<Vec<u8>>(), Err(BodyError::Json(_))));
}
