//! Spans reach a collector without secrets.

use crate::cli::program;
use crate::support::origin;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Accepts one export over HTTP and returns its head and body.
async fn exported(mut stream: TcpStream) -> (String, Vec<u8>) {
    let mut read = Vec::new();
    let end = loop {
        assert!(stream.read_buf(&mut read).await.unwrap() > 0, "the exporter left");
        if let Some(end) = read.windows(4).position(|end| end == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8(read[..end].to_vec()).unwrap().to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse::<usize>().unwrap();
    while read.len() < end + length {
        assert!(stream.read_buf(&mut read).await.unwrap() > 0, "cut short");
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await.unwrap();
    (head, read.split_off(end))
}

#[tokio::test]
async fn spans_reach_the_configured_collector_and_contain_no_secrets() {
    let (origin, collector) = (origin().await, TcpListener::bind("127.0.0.1:0").await.unwrap());
    let endpoint = format!("http://{}", collector.local_addr().unwrap());
    let mut program = program(&["fetch", "--input", "-", "--allow-net", "127.0.0.0/8"]);
    let mut child = program.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let request = serde_json::json!({"url": origin.url("/ok?canary"), "headers": {"authorization": "Bearer canary"}});
    stdin.write_all(format!("{request}\n").as_bytes()).await.unwrap();
    drop(stdin);
    let exported = async { exported(collector.accept().await.unwrap().0).await };
    let (head, body) = tokio::time::timeout(Duration::from_secs(30), exported).await.expect("nothing was exported");
    assert!(head.starts_with("post /v1/traces "), "{head}");
    // Strings are stored verbatim in protobuf.
    let spans = String::from_utf8_lossy(&body);
    for expected in ["fantail", "batch", "attempt", "127.0.0.1", "port", "status"] {
        assert!(spans.contains(expected), "no {expected} in {spans}");
    }
    assert!(!spans.contains("canary"), "{spans}");
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
}
