//! Response heads.

use super::{MS, among_healthy, harness, played, played_to, policy, told};
use crate::script::{Script, Step, send};
use crate::support::{builder, failure, run_one};
use fantail::{Cause, Policy, PoolLimits};
use fantail_engine::Request;
use std::time::Instant;

/// What follows a status line to make it a response.
const REST: &[u8] = b"content-length: 2\r\n\r\nok";

async fn answered(head: impl AsRef<[u8]>) -> String {
    told(&played([Step::Head, send(head)]).await)
}

#[tokio::test]
async fn h1_nothing_after_accept() {
    assert_eq!(told(&played([Step::Wait]).await), "HTTP-response-timeout head");
}

#[tokio::test]
async fn h2_a_head_of_a_byte_now_and_then_is_measured_whole() {
    let mut steps = vec![Step::Head];
    for byte in b"HTTP/1.1 200 OK\r\nx-slow: yes\r\n" {
        steps.extend([send([*byte]), Step::Sleep(100 * MS)]);
    }
    let begun = Instant::now();
    assert_eq!(told(&played(steps).await), "HTTP-response-timeout head");
    assert!(begun.elapsed() < 2_500 * MS, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn h3_headers_without_end() {
    let steps = [Step::Head, send("HTTP/1.1 200 OK\r\n"), Step::SendForEver(b"x-n: y\r\n".repeat(1_000))];
    assert_eq!(told(&played(steps).await), "HTTP-response-header-section-size head");
}

#[tokio::test]
async fn h4_as_many_headers_as_are_allowed_and_one_more() {
    let head = |count| [b"HTTP/1.1 200 OK\r\n".as_slice(), &b"x-n: y\r\n".repeat(count), REST].concat();
    // One of them is the content-length.
    assert_eq!(answered(head(127)).await, "200 \"ok\"");
    for count in [128, 10_000] {
        assert_eq!(answered(head(count)).await, "HTTP-response-header-section-size head", "{count}");
    }
}

#[tokio::test]
async fn h5_a_header_of_a_megabyte_of_which_nothing_is_told() {
    let value = "canary".repeat(170_000);
    let outcome = played([Step::Head, send(format!("HTTP/1.1 200 OK\r\nx-big: {value}\r\n"))]).await;
    assert_eq!(told(&outcome), "HTTP-response-header-section-size head");
    assert!(!failure(&outcome).detail.as_deref().unwrap_or_default().contains("canary"));
}

#[tokio::test]
async fn h6_a_head_cut_at_every_byte_is_never_a_success_and_never_a_hang() {
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
async fn h7_status_lines_that_are_none() {
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
        let head = [line.as_bytes(), b"\r\n", REST].concat();
        assert_eq!(answered(head).await, "HTTP-protocol-error head", "{line:?}");
    }
    // Accepted, as nearly everyone does: without a reason, and after an empty line (RFC 9112, section 2.2, for requests).
    for line in ["HTTP/1.1 200", "HTTP/1.1 200 ", "HTTP/1.0 200 OK", "\r\nHTTP/1.1 200 OK"] {
        assert_eq!(answered([line.as_bytes(), b"\r\n", REST].concat()).await, "200 \"ok\"", "{line:?}");
    }
}

#[tokio::test]
async fn h8_headers_that_are_none() {
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
        let head = [b"HTTP/1.1 200 OK\r\n".as_slice(), header, b"\r\n", REST].concat();
        assert_eq!(answered(head).await, "HTTP-protocol-error head", "{:?}", String::from_utf8_lossy(header));
    }
    // Bytes above ASCII are a value's own affair (obs-text, RFC 9110, section 5.5).
    assert_eq!(answered([b"HTTP/1.1 200 OK\r\nx-n: caf\xe9\r\n".as_slice(), REST].concat()).await, "200 \"ok\"");
}

#[tokio::test]
async fn h9_informational_responses_without_end() {
    let flood = Step::SendForEver(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(100));
    // Compiled before the time is taken.
    let harness = harness();
    let begun = Instant::now();
    let (outcome, ..) = played_to(&harness, Request::default(), [Step::Head, flood], &policy()).await;
    assert_eq!(told(&outcome), "HTTP-protocol-error head");
    assert!(begun.elapsed() < 2_000 * MS, "{:?}", begun.elapsed());
    let some =
        [b"HTTP/1.1 100 Continue\r\n\r\n".repeat(16), [b"HTTP/1.1 200 OK\r\n".as_slice(), REST].concat()].concat();
    assert_eq!(answered(&some).await, "200 \"ok\"", "sixteen are not too many");
    let stricter = builder().pool(PoolLimits { informational: 15, ..PoolLimits::default() }).build().unwrap();
    let (outcome, ..) = played_to(&stricter, Request::default(), [Step::Head, send(&some)], &policy()).await;
    assert_eq!(told(&outcome), "HTTP-protocol-error head");
    let upgrade = "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n";
    assert_eq!(answered(upgrade).await, "HTTP-upgrade-failed head");
}

#[tokio::test]
async fn h10_an_answer_before_the_request_was_sent_whole() {
    let request = Request { method: "POST".to_owned(), body: Some(vec![b'x'; 20 << 20]), ..Request::default() };
    let steps = [Step::Head, send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\nno"), Step::Sleep(200 * MS)];
    let (outcome, ..) = played_to(&harness(), request, steps, &policy()).await;
    assert_eq!(told(&outcome), "400 \"no\"");
}

#[tokio::test]
async fn h11_a_second_answer_nobody_asked_for_is_nobodys() {
    let two = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison";
    let (harness, one) = (harness(), Policy { concurrency: Some(1), ..policy() });
    let script = Script::start([Step::Head, send(two), Step::Wait]).await;
    for asked in 1..=3 {
        let (outcome, _) = among_healthy(&harness, Request::get(4, script.url()), &one).await;
        assert_eq!(told(&outcome), "200 \"ok\"");
        assert_eq!(script.connections(), asked, "a connection of its own for each");
    }
    script.all_closed().await;
}
