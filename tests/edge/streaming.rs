//! Outcomes as they complete, input as it arrives, and clients that disconnect or read slowly.

use super::{Edge, JSON, edge, options};
use crate::support::{builder, origin, until};
use bytes::Bytes;
use futures::StreamExt;
use serde_json::json;
use std::time::{Duration, Instant};

#[tokio::test]
async fn the_first_outcome_leaves_before_the_last_upstream_has_answered() {
    let (edge, origin) = (edge(options()).await, origin().await);
    let batch =
        json!({"policy": {"timeouts": {"request": "20s"}}, "requests": [origin.url("/hang"), origin.url("/ok")]});
    let start = Instant::now();
    let mut reply = edge.post(JSON, batch.to_string()).await;
    assert_eq!(reply.line().await.unwrap()["id"], 1);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert_eq!(origin.counts().in_flight, 1, "the other one is still in flight");
}

#[tokio::test]
async fn lines_are_answered_while_more_are_still_arriving() {
    let (edge, origin) = (edge(options()).await, origin().await);
    let (mut input, mut reply) = edge.post_lines().await;
    for id in 0..5 {
        // Sent in two pieces; half a line is not processed yet.
        let line = format!("{}\n", origin.url("/ok"));
        let (head, tail) = line.split_at(9);
        input.send(head.to_owned()).await;
        input.send(tail.to_owned()).await;
        assert_eq!(reply.line().await.unwrap()["id"], id);
    }
    drop(input);
    assert_eq!(reply.line().await.unwrap()["summary"]["requests"], 5);
    assert_eq!(reply.line().await, None);
}

#[tokio::test]
async fn when_the_client_disconnects_requests_in_flight_are_cancelled() {
    let (edge, origin) = (edge(options()).await, origin().await);
    let requests: Vec<_> = (0..20).map(|_| origin.url("/hang")).collect();
    for round in 1..=5 {
        let batch = json!({"policy": {"timeouts": {"request": "30s"}}, "requests": requests});
        let reply = edge.post(JSON, batch.to_string()).await;
        until(&origin, |counts| counts.in_flight == 20).await;
        drop(reply);
        let waited = until(&origin, |counts| counts.in_flight == 0).await;
        assert!(waited < Duration::from_secs(5), "round {round}: {waited:?}");
    }
    let (outcomes, _) = edge.post(JSON, json!({"requests": [origin.url("/ok")]}).to_string()).await.outcomes().await;
    assert_eq!(outcomes[0]["status"], 200, "the instance still works");
}

#[tokio::test]
async fn when_the_client_disconnects_mid_line_the_partial_line_is_dropped() {
    let (edge, origin) = (edge(options()).await, origin().await);
    let (mut input, mut reply) = edge.post_lines().await;
    input.send(format!("{}\n{}\nhttp://half", origin.url("/ok"), origin.url("/hang"))).await;
    assert_eq!(reply.line().await.unwrap()["id"], 0);
    drop(reply);
    until(&origin, |counts| counts.in_flight == 0).await;
    assert_eq!(origin.counts().requests, 2);
}

#[tokio::test]
async fn a_batch_that_arrives_in_many_small_pieces_does_not_trip_the_stall_limit() {
    let origin = origin().await;
    let limits = fantail::Limits { stall: Duration::from_millis(300), ..fantail::Limits::default() };
    let edge = Edge::start(builder().limits(limits), options()).await;
    let batch = json!({"requests": [origin.url("/ok")], "policy": {}}).to_string();
    let pieces: Vec<Bytes> = batch.bytes().map(|byte| Bytes::copy_from_slice(&[byte])).collect();
    let slowly = futures::stream::iter(pieces).then(async |piece| {
        tokio::time::sleep(Duration::from_millis(12)).await;
        piece
    });
    let headers = [("authorization", "Bearer secret"), ("content-type", JSON)];
    let reply = edge.request(http::Method::POST, "/", &headers, slowly).await;
    assert_eq!(reply.outcomes().await.0[0]["status"], 200);
}

#[tokio::test]
async fn an_early_stop_ends_the_answer_while_the_input_is_still_open() {
    let (edge, origin) = (edge(options()).await, origin().await);
    let (mut input, mut reply) = edge.post_lines().await;
    // `post_lines` has sent the policy line already; this line is a request whose timeout has passed.
    input.send(format!("{{\"url\":{:?},\"options\":{{\"timeout\":\"0s\"}}}}\n", origin.url("/ok"))).await;
    assert_eq!(reply.line().await.unwrap()["error"]["cause"], "timeout-total");
    let headers = [("authorization", "Bearer secret"), ("content-type", super::NDJSON)];
    let first = format!("{{\"policy\":{{\"until\":{{\"successes\":1}}}}}}\n{}\n", origin.url("/ok"));
    let endless = futures::StreamExt::chain(futures::stream::iter([first.into()]), futures::stream::pending());
    let mut reply = edge.request(http::Method::POST, "/", &headers, endless).await;
    assert_eq!(reply.line().await.unwrap()["status"], 200);
    assert_eq!(reply.line().await.unwrap()["summary"]["input_ended"], false);
}

#[tokio::test]
async fn a_slow_reader_gets_everything_and_applies_backpressure() {
    let (edge, origin) = (edge(options()).await, origin().await);
    // 400 outcomes of 64 KiB: far more than sockets and buffers hold.
    let requests: Vec<_> = (0..400).map(|_| origin.url("/bytes/65536")).collect();
    let batch = json!({"policy": {"concurrency": 4, "limits": {"window": 8}}, "requests": requests});
    let mut reply = edge.post(JSON, batch.to_string()).await;
    assert!(reply.line().await.is_some());
    tokio::time::sleep(Duration::from_millis(500)).await;
    let sent = origin.counts().requests;
    assert!(sent < 250, "{sent} requests were sent for a reader that takes nothing");
    let lines = reply.lines().await;
    assert_eq!(lines.last().unwrap()["summary"]["responses"], 400);
    assert_eq!(lines.len(), 400, "one was read before, one is the summary");
}
