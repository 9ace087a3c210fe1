//! Faults of bodies and their framing.

use super::{MS, among_healthy, describe, harness, harness_with_limits, play, play_with, policy};
use crate::script::{Script, Step, send};
use crate::support::{by_id, cause, failure, origin, requests, run, run_one, text};
use fantail::{BodyMode, Cause, Limits, Policy};
use fantail_engine::Request;
use futures::StreamExt;

/// Fetches a response with these header lines and these bytes after its head, and describes the outcome.
async fn fetch_framed(headers: &str, body: impl AsRef<[u8]>) -> String {
    let head = format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n");
    describe(&play([Step::Head, send([head.as_bytes(), body.as_ref()].concat())]).await)
}

const INCOMPLETE: &str = "HTTP-response-incomplete body";
const PROTOCOL_ERROR: &str = "HTTP-protocol-error";

#[tokio::test]
async fn b1_a_body_shorter_than_its_content_length_is_incomplete() {
    assert_eq!(fetch_framed("content-length: 44", "hello ").await, INCOMPLETE);
    assert_eq!(fetch_framed("content-length: 44", "").await, INCOMPLETE);
}

#[tokio::test]
async fn b2_bytes_beyond_the_content_length_are_dropped_with_their_connection() {
    let (harness, one) = (harness(), Policy { concurrency: Some(1), ..policy() });
    let script =
        Script::start([Step::Head, send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok and more"), Step::Wait]).await;
    for connections in 1..=2 {
        let (outcome, _) = among_healthy(&harness, Request::get(4, script.url()), &one).await;
        assert_eq!((describe(&outcome), script.connections()), ("200 \"ok\"".to_owned(), connections));
    }
    script.all_closed().await;
}

#[tokio::test]
async fn b3_conflicting_or_malformed_content_lengths_are_protocol_errors() {
    assert_eq!(
        fetch_framed("content-length: 2\r\ncontent-length: 2", "ok").await,
        "200 \"ok\"",
        "the same length twice"
    );
    for wrong in [
        "content-length: 2\r\ncontent-length: 3",
        "content-length: 2, 3",
        "content-length: -2",
        "content-length: +2",
        "content-length: 0x2",
        "content-length: 2 2",
        "content-length: two",
        "content-length: 18446744073709551616",
        "content-length: 18446744073709551615",
        "content-length: ",
    ] {
        assert_eq!(fetch_framed(wrong, "ok").await, format!("{PROTOCOL_ERROR} head"), "{wrong:?}");
    }
}

#[tokio::test]
async fn b4_transfer_codings_that_could_smuggle_are_refused_or_end_the_connection() {
    let chunked = "2\r\nok\r\n0\r\n\r\n";
    assert_eq!(fetch_framed("transfer-encoding: chunked", chunked).await, "200 \"ok\"");
    // A coding that is not decoded is refused; its body is never passed on without its label.
    for coding in ["chunked, identity", "chunkedchunked", "gzip", "deflate, chunked", "chunked;", "chunked, "] {
        let outcome = fetch_framed(&format!("transfer-encoding: {coding}"), chunked).await;
        assert_eq!(outcome, "HTTP-response-transfer-coding head", "{coding}");
    }
    // A transfer coding options the content-length, so the body is not cut at it.
    assert_eq!(fetch_framed("content-length: 1\r\ntransfer-encoding: chunked", chunked).await, "200 \"ok\"");
    let lengths = "content-length: 3\r\ncontent-length: 4\r\ntransfer-encoding: lalala";
    assert_eq!(fetch_framed(lengths, chunked).await, "HTTP-response-transfer-coding head");
    // With both, the connection is not reused.
    let (harness, one) = (harness(), Policy { concurrency: Some(1), ..policy() });
    let both = format!("HTTP/1.1 200 OK\r\ncontent-length: 9\r\ntransfer-encoding: chunked\r\n\r\n{chunked}");
    let script = Script::start([Step::Head, send(both), Step::Wait]).await;
    for connections in 1..=2 {
        let outcome = run_one(&harness, Request::get(4, script.url()), &one).await;
        assert_eq!((describe(&outcome), script.connections()), ("200 \"ok\"".to_owned(), connections));
    }
}

#[tokio::test]
async fn b5_malformed_chunks_are_protocol_errors() {
    for junk in [
        "x\r\nok\r\n0\r\n\r\n",
        "-1\r\nok\r\n0\r\n\r\n",
        "0x2\r\nok\r\n0\r\n\r\n",
        "11111111111111111\r\nok\r\n",
        "2\r\nokay\r\n0\r\n\r\n",
        "2\nok\n0\n\n",
        "\r\nok\r\n0\r\n\r\n",
    ] {
        assert_eq!(
            fetch_framed("transfer-encoding: chunked", junk).await,
            format!("{PROTOCOL_ERROR} body"),
            "{junk:?}"
        );
    }
    let extension = format!("2;{}\r\nok\r\n0\r\n\r\n", "x".repeat(100_000));
    assert_eq!(fetch_framed("transfer-encoding: chunked", extension).await, format!("{PROTOCOL_ERROR} body"));
}

#[tokio::test]
async fn b6_truncated_chunks_are_incomplete() {
    for cut in ["", "2", "2\r\n", "2\r\no", "2\r\nok", "2\r\nok\r\n", "2\r\nok\r\n0", "2\r\nok\r\n0\r\n"] {
        assert_eq!(fetch_framed("transfer-encoding: chunked", cut).await, INCOMPLETE, "{cut:?}");
    }
}

#[tokio::test]
async fn b7_trailers_are_dropped_and_malformed_or_endless_ones_are_errors() {
    let with = |trailers: &str| format!("2\r\nok\r\n0\r\n{trailers}\r\n");
    assert_eq!(fetch_framed("transfer-encoding: chunked", with("x-sum: 1\r\n")).await, "200 \"ok\"");
    assert_eq!(
        fetch_framed("transfer-encoding: chunked", with("content-length: 9\r\nhost: evil\r\n")).await,
        "200 \"ok\""
    );
    for junk in ["x-n: a\0b\r\n".to_owned(), format!("x-big: {}\r\n", "y".repeat(1 << 20))] {
        let outcome = fetch_framed("transfer-encoding: chunked", with(&junk)).await;
        assert_eq!(outcome, format!("{PROTOCOL_ERROR} body"), "{}", &junk[..10]);
    }
    let endless = [
        Step::Head,
        send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"),
        Step::SendForever(b"x-n: y\r\n".repeat(1_000)),
    ];
    assert_eq!(describe(&play(endless).await), format!("{PROTOCOL_ERROR} body"));
}

#[tokio::test]
async fn b8_bytes_after_a_bodiless_response_are_dropped_with_their_connection() {
    let harness = harness();
    for (method, status) in [("GET", "204 No Content"), ("GET", "304 Not Modified"), ("HEAD", "200 OK")] {
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 6\r\n\r\npoison");
        let script = Script::start([Step::Head, send(answer), Step::Wait]).await;
        for connections in 1..=2 {
            let request = Request { method: method.to_owned(), ..Request::get(4, script.url()) };
            let outcome = run_one(&harness, request, &policy()).await;
            assert_eq!(text(&outcome), "", "{method} {status}");
            assert_eq!(script.connections(), connections, "{method} {status}");
        }
    }
}

#[tokio::test]
async fn b9_a_reset_in_the_middle_of_a_body_is_never_a_success() {
    let harness = harness();
    for bytes in [0, 1, 1_000, 60_000, 99_999] {
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n";
        let body = [head.as_slice(), &vec![b'x'; bytes]].concat();
        for pause in [0, 50] {
            let script = Script::start([Step::Head, send(&body), Step::Sleep(pause * MS), Step::Reset]).await;
            let outcome = run_one(&harness, Request::get(0, script.url()), &policy()).await;
            // A reset may overtake bytes that were sent before it.
            let broken = [Cause::HttpResponseIncomplete, Cause::ConnectionTerminated];
            assert!(broken.contains(&failure(&outcome).cause), "{bytes}: {outcome:?}");
            script.all_closed().await;
        }
    }
}

#[tokio::test]
async fn b10_an_endless_body_is_capped_per_response_and_per_batch() {
    let endless = || {
        let head = b"HTTP/1.1 200 OK\r\n\r\n";
        [Step::Head, send(head), Step::SendForever(vec![b'x'; 10_000])]
    };
    assert_eq!(describe(&play(endless()).await), "body-too-large body");
    // Whatever the policy and the component allow, the host has a cap of its own.
    let unread = Policy { body: Some(BodyMode::Unread), ..policy() };
    let capped = harness_with_limits(Limits { response_bytes: 1 << 20, ..Limits::default() });
    let script = Script::start(endless()).await;
    let mut outcome = run_one(&capped, Request::get(0, script.url()), &unread).await;
    let response = outcome.result.as_mut().unwrap();
    let fantail::Body::Unread(body) = &mut response.body else { panic!("{response:?}") };
    let mut received = 0;
    while let Some(piece) = body.next().await {
        match piece {
            Ok(bytes) => received += bytes.len(),
            Err(failure) => {
                assert_eq!(failure.cause, Cause::HttpResponseBodySize);
                break;
            }
        }
    }
    assert!((1 << 19..3 << 20).contains(&received), "{received}");
    script.all_closed().await;
    let one = Policy { concurrency: Some(1), ..policy() };
    let capped = harness_with_limits(Limits { network_bytes: 3 << 20, ..Limits::default() });
    let origin = origin().await;
    let (outcomes, report) = run(&capped, requests((0..10).map(|_| origin.url("/bytes/1000000"))), &one).await;
    let outcomes = by_id(outcomes);
    let refused = outcomes.iter().filter(|outcome| cause(outcome) == Some(Cause::HttpResponseBodySize)).count();
    assert!((1..10).contains(&refused), "{refused} of ten");
    assert!(report.receipt.received < 5 << 20, "{:?}", report.receipt);
}

#[tokio::test]
async fn b10_an_unanswered_upload_is_capped_too() {
    let capped = harness_with_limits(Limits { network_bytes: 1 << 20, ..Limits::default() });
    let upload = Request { method: "POST".to_owned(), body: Some(vec![b'x'; 20 << 20]), ..Request::default() };
    let script = Script::start([Step::Wait]).await;
    let outcome = run_one(&capped, Request { url: script.url(), ..upload }, &policy()).await;
    assert_eq!(failure(&outcome).cause, Cause::HttpRequestBodySize, "{outcome:?}");
    script.all_closed().await;
}

#[tokio::test]
async fn b11_a_body_that_drips_forever_hits_the_attempt_timeout() {
    let mut steps = vec![Step::Head, send("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")];
    for _ in 0..100 {
        steps.extend([send("x"), Step::Sleep(100 * MS)]);
    }
    assert_eq!(describe(&play(steps).await), "timeout-attempt body");
}

#[tokio::test]
async fn b12_a_compressed_body_is_passed_on_without_decoding() {
    let bomb = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3];
    let head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 10\r\n\r\n";
    let outcome = play([Step::Head, send([head.as_slice(), &bomb].concat())]).await;
    let response = outcome.result.as_ref().unwrap();
    assert!(matches!(&response.body, fantail::Body::Bytes(bytes) if **bytes == bomb));
    assert!(response.headers.iter().any(|(name, value)| name == "content-encoding" && value == b"gzip"));
}

#[tokio::test]
async fn b14_a_body_that_pauses_too_long_times_out_and_its_connection_is_closed() {
    let steps = [Step::Head, send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx"), Step::Wait];
    let (outcome, ..) = play_with(&harness(), Request::default(), steps, &policy()).await;
    assert_eq!(describe(&outcome), "connection-read-timeout body");
}
