//! Clients that share instances, and how one of them affects the others.

use super::{Edge, JSON, NDJSON, edge, options, with_variables};
use crate::support::{builder, origin};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use fantail::{Limits, Listening, ServiceOptions};
use futures::future::join_all;
use http::Method;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_slow_client_is_cut_off_when_a_new_one_needs_its_place() {
    let origin = origin().await;
    let listening = Listening { slow_when_full: Duration::from_millis(300), ..Listening::default() };
    let edge = Edge::listen(builder(), ServiceOptions { callers: 4, ..options() }, listening).await;
    let urls = vec![origin.url("/bytes/1000000"); 40];
    let batch = json!({"policy": {"concurrency": 4}, "requests": urls}).to_string();
    // These clients read nothing but the head.
    let slow = join_all((0..4).map(|_| edge.post(JSON, batch.clone()))).await;
    let healthy = async {
        loop {
            // They count as slow only after a while, so the first requests may still be refused.
            match edge.request(Method::GET, "/healthz", &[], futures::stream::empty()).await.status {
                503 => tokio::time::sleep(Duration::from_millis(50)).await,
                status => return status,
            }
        }
    };
    let status = tokio::time::timeout(Duration::from_secs(15), healthy).await;
    assert_eq!(status.expect("before clients that read nothing are cut off anyway"), 200);
    let cut_off = join_all(slow.into_iter().map(super::client::Reply::bytes)).await;
    assert_eq!(
        cut_off.iter().filter(|bytes| bytes.is_err()).count(),
        1,
        "one was cut off, the others received everything"
    );
}

/// As many as all instances together have places for.
#[tokio::test]
async fn v1_sixty_four_clients_that_read_nothing_shut_nobody_out_and_hold_bounded_memory() {
    const CEILINGS: [(&str, &str); 2] = [("max_window_bytes", "1048576"), ("max_body_bytes", "262144")];
    let origin = origin().await;
    let edge = edge(ServiceOptions { instances: 4, ..with_variables(&CEILINGS) }).await;
    let urls = vec![origin.url("/bytes/250000"); 200];
    let batch = json!({"policy": {"concurrency": 4}, "requests": urls}).to_string();
    let slow = join_all((0..64).map(|_| edge.post(JSON, batch.clone()))).await;
    assert!(slow.iter().all(|reply| reply.status == 200));
    let healthy = async {
        while edge.request(Method::GET, "/healthz", &[], futures::stream::empty()).await.status != 200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(15), healthy).await.expect("before all of them are cut off anyway");
    let headers = [("authorization", "Bearer secret")];
    let metrics = edge.request(Method::GET, "/metrics", &headers, futures::stream::empty()).await.text().await;
    let memory = metrics.lines().find_map(|line| line.strip_prefix("fantail_instance_memory_bytes ")).unwrap();
    // 98 MB when this was written; the 200 bodies of each client are 3.2 GB.
    assert!(memory.parse::<u64>().unwrap() < 192 << 20, "{memory}");
    drop(slow);
}

/// Outcomes that were ready are delivered; the problem reports that others are lost.
#[tokio::test]
async fn when_an_instance_traps_its_other_clients_keep_their_outcomes_and_get_a_problem() {
    let origin = origin().await;
    let limits = Limits { memory: 12 << 20, ..Limits::default() };
    let edge = Edge::start(builder().limits(limits), options()).await;
    let hanging = format!("{}\n{}\n", origin.url("/ok"), origin.url("/hang"));
    let mut other = edge.post(NDJSON, hanging).await;
    assert_eq!(other.line().await.unwrap()["status"], 200);
    let control_characters = BASE64_STANDARD.encode(vec![0; 900_000]);
    let echo = json!({"method": "POST", "url": origin.url("/echo"), "body_base64": control_characters});
    assert!(edge.post(JSON, json!({"requests": [echo]}).to_string()).await.bytes().await.is_err());
    let problem = &other.line().await.unwrap()["problem"];
    assert_eq!(problem["status"], 500);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("broke down") && detail.contains("may have been sent"), "{detail}");
    assert!(other.bytes().await.is_err(), "the answer has no summary and does not end as if it were complete");
}
