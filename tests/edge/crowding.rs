//! Clients that share instances, and what one of them does to the others.

use super::{Edge, JSON, NDJSON, options};
use crate::support::{builder, origin};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use fantail::{Limits, Listening, ServiceOptions};
use futures::future::join_all;
use http::Method;
use serde_json::json;
use std::time::Duration;

/// L17
#[tokio::test]
async fn clients_that_read_slowly_make_way_for_one_that_asks() {
    let origin = origin().await;
    let listening = Listening { slow_when_full: Duration::from_millis(300), ..Listening::default() };
    let edge = Edge::listen(builder(), ServiceOptions { callers: 4, ..options() }, listening).await;
    let urls = vec![origin.url("/bytes/1000000"); 40];
    let batch = json!({"policy": {"concurrency": 4}, "requests": urls}).to_string();
    // Nothing of these is read but the head.
    let slow = join_all((0..4).map(|_| edge.post(JSON, batch.clone()))).await;
    let healthy = async {
        loop {
            // As they are busy before they are slow, it may be too early.
            match edge.ask(Method::GET, "/healthz", &[], futures::stream::empty()).await.status {
                503 => tokio::time::sleep(Duration::from_millis(50)).await,
                status => return status,
            }
        }
    };
    let status = tokio::time::timeout(Duration::from_secs(15), healthy).await;
    assert_eq!(status.expect("before those are cut off who read nothing at all"), 200);
    let cut_off = join_all(slow.into_iter().map(super::client::Reply::whole)).await;
    assert_eq!(cut_off.iter().filter(|whole| whole.is_err()).count(), 1, "one made way, the others have all of theirs");
}

/// What has come to its end is delivered; what is lost is said.
#[tokio::test]
async fn when_an_instance_breaks_down_the_others_keep_their_outcomes_and_are_told() {
    let origin = origin().await;
    let limits = Limits { memory: 12 << 20, ..Limits::default() };
    let edge = Edge::start(builder().limits(limits), options()).await;
    let hanging = format!("{}\n{}\n", origin.url("/ok"), origin.url("/hang"));
    let mut other = edge.post(NDJSON, hanging).await;
    assert_eq!(other.line().await.unwrap()["status"], 200);
    let controls = BASE64_STANDARD.encode(vec![0; 900_000]);
    let echo = json!({"method": "POST", "url": origin.url("/echo"), "body_base64": controls});
    assert!(edge.post(JSON, json!({"requests": [echo]}).to_string()).await.whole().await.is_err());
    let problem = &other.line().await.unwrap()["problem"];
    assert_eq!(problem["status"], 500);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("broke down") && detail.contains("may have been sent"), "{detail}");
    assert!(other.whole().await.is_err(), "without a summary, and not as if it were whole");
}
