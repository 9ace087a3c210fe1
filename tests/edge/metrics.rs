//! What a service counts and logs.

use super::tokens::{ALPHA, BETA, post, two_tokens};
use super::{Edge, edge};
use crate::support::{builder, origin, refused_url};
use fantail::{Listening, ServiceOptions};
use http::Method;
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpStream;

async fn metrics(edge: &Edge, token: Option<&str>) -> (u16, String) {
    let authorization = token.map(|token| format!("Bearer {token}"));
    let headers: Vec<_> = authorization.iter().map(|value| ("authorization", value.as_str())).collect();
    let reply = edge.request(Method::GET, "/metrics", &headers, futures::stream::empty()).await;
    (reply.status, reply.text().await)
}

/// Waits until the metrics have a line. What a client has just read may be counted a moment later.
async fn metrics_with(edge: &Edge, line: &str) -> String {
    for _ in 0..200 {
        let (status, text) = metrics(edge, Some(ALPHA)).await;
        assert_eq!(status, 200);
        if text.lines().any(|other| other == line) {
            return text;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("there is no {line} in {}", metrics(edge, Some(ALPHA)).await.1);
}

#[tokio::test]
async fn metrics_are_for_tokens_that_may_read_them() {
    let edge = edge(two_tokens()).await;
    assert_eq!(metrics(&edge, None).await.0, 401);
    assert_eq!(metrics(&edge, Some("wrong")).await.0, 401);
    assert_eq!(metrics(&edge, Some(BETA)).await.0, 403);
    let token = format!("Bearer {ALPHA}");
    let reply = edge.request(Method::GET, "/metrics", &[("authorization", &token)], futures::stream::empty()).await;
    assert_eq!(reply.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
}

#[tokio::test]
async fn metrics_count_requests_outcomes_and_instances_by_token() {
    let (edge, origin, refused) = (edge(two_tokens()).await, origin().await, refused_url().await);
    let batch = json!({"requests": [origin.url("/ok"), origin.url("/ok"), refused]});
    post(&edge, ALPHA, batch.clone()).await.outcomes().await;
    assert_eq!(post(&edge, BETA, batch).await.status, 413);
    let text = metrics_with(&edge, "fantail_batch_responses_total{token=\"alpha\"} 2").await;
    for line in [
        "fantail_batch_failures_total{token=\"alpha\",cause=\"connection-refused\"} 1",
        "fantail_http_responses_total{token=\"beta\",class=\"4xx\"} 1",
        "fantail_http_incomplete_total{token=\"alpha\"} 0",
        "fantail_batches_in_flight{token=\"alpha\"} 0",
        "fantail_instances 1",
        "fantail_instances_broken_total 0",
    ] {
        assert!(text.lines().any(|other| other == line), "{line} is not in {text}");
    }
    let memory = text.lines().find_map(|line| line.strip_prefix("fantail_instance_memory_bytes "));
    assert!(memory.unwrap().parse::<u64>().unwrap() > 1 << 16, "{text}");
    let hanging = post(&edge, ALPHA, json!({"requests": [origin.url("/hang")]})).await;
    metrics_with(&edge, "fantail_batches_in_flight{token=\"alpha\"} 1").await;
    drop(hanging);
    metrics_with(&edge, "fantail_http_incomplete_total{token=\"alpha\"} 1").await;
}

/// One line per request, with the name of its token and nothing secret.
#[tokio::test]
async fn the_access_log_has_every_request_once() {
    let records = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&records);
    let options = ServiceOptions {
        access_log: Some(Arc::new(move |access| log.lock().unwrap().push(format!("{access:?}")))),
        ..two_tokens()
    };
    let (edge, origin) = (edge(options).await, origin().await);
    edge.request(Method::GET, "/healthz?key=s3cret", &[], futures::stream::empty()).await.text().await;
    let reply = post(&edge, ALPHA, json!({"requests": [origin.url("/ok")]})).await;
    let length = reply.text().await.len();
    let expected = [
        "method: \"GET\", path: \"/healthz\", status: Some(200), bytes: 3,".to_owned(),
        format!("method: \"POST\", path: \"/\", status: Some(200), bytes: {length},"),
    ];
    for _ in 0..200 {
        if records.lock().unwrap().len() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let records = records.lock().unwrap();
    assert_eq!(records.len(), 2, "{records:?}");
    for (record, expected) in records.iter().zip(expected) {
        assert!(record.contains(&expected) && record.contains("is_complete: true"), "{record}");
        assert!(!record.contains("s3cret") && !record.contains(ALPHA), "{record}");
    }
    assert!(records[0].contains("token: None") && records[1].contains("token: Some(\"alpha\")"), "{records:?}");
}

/// Clients that read nothing, and those that say nothing.
#[tokio::test]
async fn metrics_say_why_connections_were_closed_on_clients() {
    let limit = Duration::from_millis(300);
    let listening = Listening { slow: limit, head: limit, ..Listening::default() };
    let (edge, origin) = (Edge::listen(builder(), two_tokens(), listening).await, origin().await);
    let _silent = TcpStream::connect(edge.address).await.unwrap();
    let long = vec![origin.url("/bytes/1000000"); 20];
    let _slow = post(&edge, ALPHA, json!({"requests": long})).await;
    let text = metrics_with(&edge, "fantail_connections_closed_total{reason=\"slow\"} 1").await;
    // Those that asked for metrics, and said nothing after that, may be more of them.
    assert!(text.contains("{reason=\"no-head\"}") && !text.contains("{reason=\"no-head\"} 0"), "{text}");
}
