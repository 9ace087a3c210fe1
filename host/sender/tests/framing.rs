//! Where bodies end, as a client of the sender sees it.

use crate::net::{MS, Net};
use std::time::Duration;

/// The outcome of a request whose response has these header lines and these bytes after its head, and how many connections two such
/// requests take.
async fn framed(headers: &str, body: &str) -> (String, usize) {
    let rig = Net::answering(Duration::ZERO, format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n{body}")).rig();
    let outcome = rig.outcome("http://10.0.0.1/").await;
    tokio::time::sleep(MS).await;
    assert_eq!(rig.outcome("http://10.0.0.1/").await, outcome);
    (outcome, rig.connected())
}

const CHUNKED: &str = "5\r\nhello\r\n0\r\n\r\n";

/// T1
#[tokio::test(start_paused = true)]
async fn a_body_is_not_cut_at_a_length_that_its_coding_overrides() {
    let both = "content-length: 3\r\ntransfer-encoding: chunked";
    assert_eq!(framed(both, CHUNKED).await, ("hello".to_owned(), 2), "and its connection is not used again");
    assert_eq!(framed("transfer-encoding: chunked", CHUNKED).await, ("hello".to_owned(), 1));
    let rig = Net::answering(Duration::ZERO, format!("HTTP/1.1 200 OK\r\n{both}\r\n\r\n{CHUNKED}")).rig();
    assert!(!rig.get("http://10.0.0.1/").await.unwrap().headers().contains_key("content-length"));
}

/// T1, T10
#[tokio::test(start_paused = true)]
async fn a_body_whose_coding_is_not_supported_is_refused() {
    for headers in [
        "transfer-encoding: gzip",
        "transfer-encoding: deflate, chunked",
        "transfer-encoding: xchunked",
        "transfer-encoding: chunked;",
        "transfer-encoding: chunked, ",
        "transfer-encoding: chunked\r\ntransfer-encoding: ,",
        "transfer-encoding: lalala\r\ncontent-length: 3\r\ncontent-length: 4",
        "transfer-encoding: chunked\r\ncontent-length: 3\r\ncontent-length: 4",
        "transfer-encoding: chunked\r\ncontent-length: three",
    ] {
        assert_eq!(framed(headers, CHUNKED).await.0, "HTTP-response-transfer-coding head", "{headers}");
    }
    assert_eq!(framed("transfer-encoding: , chunked", CHUNKED).await.0, "hello");
}

/// T15
#[tokio::test(start_paused = true)]
async fn an_impossibly_large_length_is_a_protocol_error_and_not_a_large_head() {
    for length in [u64::MAX, u64::MAX - 1] {
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
        let rig = Net::answering(Duration::ZERO, answer).rig();
        let error = rig.get("http://10.0.0.1/").await.err().unwrap();
        assert_eq!(error.cause.name(), "HTTP-protocol-error");
        assert!(error.detail.contains("content-length"), "{error}");
    }
    let many = "x: y\r\n".repeat(129);
    assert_eq!(framed(many.trim_end(), "").await.0, "HTTP-response-header-section-size head");
    let large = format!("x: {}", "y".repeat(70_000));
    assert_eq!(framed(&large, "").await.0, "HTTP-response-header-section-size head");
}
