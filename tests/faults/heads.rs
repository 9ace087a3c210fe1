//! Faults of response heads.

use super::{MS, among_healthy, describe, harness, play, play_with, policy};
use crate::script::{Script, Step, send};
use crate::support::{builder, failure, run_one};
use fantail::{Cause, Policy, PoolLimits};
use fantail_engine::Request;
use std::time::Instant;

/// Follows a status line and completes the response.
const HEADERS_AND_BODY: &[u8] = b"content-length: 2\r\n\r\nok";

/// Fetches a response that begins with `head`, and describes the outcome.
async fn fetch_head(head: impl AsRef<[u8]>) -> String {
    describe(&play([Step::Head, send(head)]).await)
}

#[tokio::test]
async fn h1_silence_after_accept_times_out() {
    assert_eq!(describe(&play([Step::Wait]).await), "HTTP-response-timeout head");
}

#[tokio::test]
async fn h2_the_head_timeout_covers_the_whole_head() {
    let mut steps = vec![Step::Head];
    for byte in b"HTTP/1.1 200 OK\r\nx-slow: yes\r\n" {
        steps.extend([send([*byte]), Step::Sleep(100 * MS)]);
    }
    let start = Instant::now();
    assert_eq!(describe(&play(steps).await), "HTTP-response-timeout head");
    assert!(start.elapsed() < 2_500 * MS, "{:?}", start.elapsed());
}

#[tokio::test]
async fn h3_endless_headers_are_refused() {
    let steps = [Step::Head, send("HTTP/1.1 200 OK\r\n"), Step::SendForever(b"x-n: y\r\n".repeat(1_000))];
    assert_eq!(describe(&play(steps).await), "HTTP-response-header-section-size head");
}

#[tokio::test]
async fn h4_one_header_more_than_allowed_is_refused() {
    let head = |count| [b"HTTP/1.1 200 OK\r\n".as_slice(), &b"x-n: y\r\n".repeat(count), HEADERS_AND_BODY].concat();
    // The content-length is one more.
    assert_eq!(fetch_head(head(127)).await, "200 \"ok\"");
    for count in [128, 10_000] {
        assert_eq!(fetch_head(head(count)).await, "HTTP-response-header-section-size head", "{count}");
    }
}

#[tokio::test]
async fn h5_a_one_megabyte_header_is_refused_without_being_quoted() {
    let value = "canary".repeat(170_000);
    let outcome = play([Step::Head, send(format!("HTTP/1.1 200 OK\r\nx-big: {value}\r\n"))]).await;
    assert_eq!(describe(&outcome), "HTTP-response-header-section-size head");
    assert!(!failure(&outcome).detail.as_deref().unwrap_or_default().contains("canary"));
}

#[tokio::test]
async fn h6_a_head_cut_at_any_byte_is_never_a_success_and_never_a_hang() {
    let (whole, harness) = (b"HTTP/1.1 200 OK\r\nx-a: b\r\ncontent-length: 2\r\n\r\nok", harness());
    for cut in 0..whole.len() {
        for end in [None, Some(Step::Reset)] {
            let steps: Vec<Step> = [Step::Head, send(&whole[..cut])].into_iter().chain(end).collect();
            let script = Script::start(steps).await;
            let outcome = run_one(&harness, Request::get(0, script.url()), &policy()).await;
            let cause = failure(&outcome).cause;
            let cut_off = [Cause::ConnectionTerminated, Cause::HttpResponseIncomplete, Cause::HttpProtocolError];
            assert!(cut_off.contains(&cause), "{cut}: {cause}");
            script.all_closed().await;
        }
    }
}

#[tokio::test]
async fn h7_malformed_status_lines_are_protocol_errors() {
    for line in [
        "HTTP/1.1 2 OK",
        "HTTP/1.1 20 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 -200 OK",
        "HTTP/1.1 2x0 OK",
        "HTTP/9.9 200 OK",
        "HTTP/2.0 200 OK",
        "HTTP/1.1\t200 OK",
        "HTTP/1.1 200\rOK",
        "HTTP/1.1 200 O\0K",
        "http/1.1 200 OK",
        "ICY 200 OK",
        "<html>",
    ] {
        let head = [line.as_bytes(), b"\r\n", HEADERS_AND_BODY].concat();
        assert_eq!(fetch_head(head).await, "HTTP-protocol-error head", "{line:?}");
    }
    // Accepted, as by nearly every client: no reason phrase, and a leading empty line (RFC 9112, section 2.2, for requests).
    for line in ["HTTP/1.1 200", "HTTP/1.1 200 ", "HTTP/1.0 200 OK", "\r\nHTTP/1.1 200 OK"] {
        assert_eq!(fetch_head([line.as_bytes(), b"\r\n", HEADERS_AND_BODY].concat()).await, "200 \"ok\"", "{line:?}");
    }
}

#[tokio::test]
async fn h8_malformed_headers_are_protocol_errors() {
    for header in [
        b"x-n: a\0b".as_slice(),
        b"x-n: a\rb",
        b"x-n : space before the colon",
        b" x-n: folded",
        b": without a name",
        b"x\x80: a name of other bytes",
        b"no colon at all",
        b"x-n: a\r\n folded",
    ] {
        let head = [b"HTTP/1.1 200 OK\r\n".as_slice(), header, b"\r\n", HEADERS_AND_BODY].concat();
        assert_eq!(fetch_head(head).await, "HTTP-protocol-error head", "{:?}", String::from_utf8_lossy(header));
    }
    // Bytes above ASCII are allowed in values (obs-text, RFC 9110, section 5.5).
    assert_eq!(
        fetch_head([b"HTTP/1.1 200 OK\r\nx-n: caf\xe9\r\n".as_slice(), HEADERS_AND_BODY].concat()).await,
        "200 \"ok\""
    );
}

#[tokio::test]
async fn h9_endless_informational_responses_are_protocol_errors() {
    let flood = Step::SendForever(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(100));
    // Compiles the component before the measurement starts.
    let harness = harness();
    let start = Instant::now();
    let (outcome, ..) = play_with(&harness, Request::default(), [Step::Head, flood], &policy()).await;
    assert_eq!(describe(&outcome), "HTTP-protocol-error head");
    assert!(start.elapsed() < 2_000 * MS, "{:?}", start.elapsed());
    let sixteen =
        [b"HTTP/1.1 100 Continue\r\n\r\n".repeat(16), [b"HTTP/1.1 200 OK\r\n".as_slice(), HEADERS_AND_BODY].concat()]
            .concat();
    assert_eq!(fetch_head(&sixteen).await, "200 \"ok\"", "sixteen are allowed");
    let stricter = builder().pool(PoolLimits { informational: 15, ..PoolLimits::default() }).build().unwrap();
    let (outcome, ..) = play_with(&stricter, Request::default(), [Step::Head, send(&sixteen)], &policy()).await;
    assert_eq!(describe(&outcome), "HTTP-protocol-error head");
    let upgrade = "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n";
    assert_eq!(fetch_head(upgrade).await, "HTTP-upgrade-failed head");
}

#[tokio::test]
async fn h10_a_response_that_arrives_before_the_upload_ends_is_accepted() {
    let request = Request { method: "POST".to_owned(), body: Some(vec![b'x'; 20 << 20]), ..Request::default() };
    let steps = [Step::Head, send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\nno"), Step::Sleep(200 * MS)];
    let (outcome, ..) = play_with(&harness(), request, steps, &policy()).await;
    assert_eq!(describe(&outcome), "400 \"no\"");
}

#[tokio::test]
async fn h11_an_unsolicited_second_response_is_never_delivered() {
    let two = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison";
    let (harness, one) = (harness(), Policy { concurrency: Some(1), ..policy() });
    let script = Script::start([Step::Head, send(two), Step::Wait]).await;
    for connections in 1..=3 {
        let (outcome, _) = among_healthy(&harness, Request::get(4, script.url()), &one).await;
        assert_eq!(describe(&outcome), "200 \"ok\"");
        assert_eq!(script.connections(), connections, "each request has its own connection");
    }
    script.all_closed().await;
}
