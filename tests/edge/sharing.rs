//! Many callers in one instance, and an instance that serves for long.

use super::{Edge, JSON, NDJSON, edge, options};
use crate::support::{builder, origin, until};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use fantail::{Limits, ServiceOptions};
use futures::future::join_all;
use serde_json::json;

#[tokio::test]
async fn sixteen_callers_share_an_instance_and_each_gets_its_own_outcomes() {
    let (edge, origin) = (edge(options()).await, origin().await);
    let callers = (0..16).map(async |caller| {
        let requests: Vec<_> = (0..30)
            .map(|id| json!({"url": origin.url("/echo"), "method": "POST", "body": format!("{caller}-{id}.")}))
            .collect();
        let (outcomes, summary) = edge.post(JSON, json!({"requests": requests}).to_string()).await.outcomes().await;
        for (id, outcome) in outcomes.iter().enumerate() {
            assert!(outcome["body"].as_str().unwrap().ends_with(&format!("{caller}-{id}.")), "{outcome}");
        }
        assert_eq!(summary["responses"], 30);
    });
    join_all(callers).await;
}

#[tokio::test]
async fn a_caller_beyond_the_limit_is_told_to_retry() {
    let (edge, origin) = (edge(options()).await, origin().await);
    let batch = json!({"policy": {"timeouts": {"request": "30s"}}, "requests": [origin.url("/hang")]}).to_string();
    let mut callers = join_all((0..16).map(|_| edge.post(JSON, batch.clone()))).await;
    let refused = edge.post(JSON, batch.clone()).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, "1"));
    callers.pop();
    until(&origin, |counts| counts.in_flight == 15).await;
    assert_eq!(edge.post(JSON, batch).await.status, 200, "as soon as one has disconnected");
}

#[tokio::test]
async fn a_caller_that_disconnects_does_not_affect_the_others() {
    let (edge, origin) = (edge(options()).await, origin().await);
    let slow = json!({"requests": (0..10).map(|_| origin.url("/delay/400")).collect::<Vec<_>>()}).to_string();
    let hanging = json!({"requests": (0..10).map(|_| origin.url("/hang")).collect::<Vec<_>>()}).to_string();
    let staying = join_all((0..5).map(|_| edge.post(JSON, slow.clone()))).await;
    let leaving = join_all((0..5).map(|_| edge.post(JSON, hanging.clone()))).await;
    drop(leaving);
    for reply in staying {
        assert_eq!(reply.outcomes().await.1["responses"], 10);
    }
    until(&origin, |counts| counts.in_flight == 0).await;
}

#[tokio::test]
async fn ten_thousand_lines_are_streamed_in_constant_memory() {
    let origin = origin().await;
    // The bodies total 80 MB, and the lines half a megabyte.
    let limits = Limits { memory: 16 << 20, ..Limits::default() };
    let edge = Edge::start(builder().limits(limits), options()).await;
    let mut lines = "{\"policy\":{\"concurrency\":32}}\n".to_owned();
    lines.push_str(&format!("{}\n", origin.url("/bytes/8192")).repeat(10_000));
    let (outcomes, summary) = edge.post(NDJSON, lines).await.outcomes().await;
    assert_eq!(outcomes.len(), 10_000);
    assert_eq!((&summary["responses"], &summary["body_bytes"]), (&json!(10_000), &json!(81_920_000)));
}

#[tokio::test]
async fn an_instance_keeps_nothing_of_the_batches_it_has_served() {
    let origin = origin().await;
    let limits = Limits { handles: 512, resources: 512, memory: 16 << 20, ..Limits::default() };
    let edge = Edge::start(builder().limits(limits), options()).await;
    let paths = ["/ok", "/close", "/short", "/bytes/200000", "/status/204"];
    let requests: Vec<_> = (0..10).map(|id| origin.url(paths[id % paths.len()])).collect();
    let batch = json!({"policy": {"limits": {"max_body": 100_000}}, "requests": requests}).to_string();
    let hanging = json!({"requests": [origin.url("/hang")]}).to_string();
    for round in 0..300 {
        let (outcomes, _) = edge.post(JSON, batch.clone()).await.outcomes().await;
        assert_eq!(outcomes.len(), 10);
        match round % 3 {
            0 => drop(edge.post(JSON, hanging.clone()).await),
            1 => assert_eq!(edge.post(JSON, "{").await.status, 400),
            _ => assert_eq!(edge.post(NDJSON, "{\"policy\":{\"timeouts\":{\"head\":\"2h\"}}}").await.status, 422),
        }
    }
    until(&origin, |counts| counts.in_flight == 0).await;
}

#[tokio::test]
async fn an_instance_that_traps_is_replaced() {
    let origin = origin().await;
    // Enough for a small batch, but not for a line of control characters, each of which takes six characters in JSON: memory growth is
    // refused, and the instance traps.
    let limits = Limits { memory: 12 << 20, ..Limits::default() };
    let edge = Edge::start(builder().limits(limits), options()).await;
    let small = json!({"requests": [origin.url("/ok")]}).to_string();
    let control_characters = BASE64_STANDARD.encode(vec![0; 900_000]);
    let echo = json!({"method": "POST", "url": origin.url("/echo"), "body_base64": control_characters});
    let large = json!({"requests": [echo]}).to_string();
    for _ in 0..3 {
        let reply = edge.post(JSON, small.clone()).await;
        assert_eq!(reply.outcomes().await.1["responses"], 1);
        let broken = edge.post(JSON, large.clone()).await;
        assert_eq!(broken.status, 200);
        assert!(broken.bytes().await.is_err(), "the answer does not end as if it were complete");
    }
}

#[tokio::test]
async fn an_instance_is_replaced_at_its_reuse_limit_and_no_request_is_lost() {
    let origin = origin().await;
    let edge = edge(ServiceOptions { reuse: 3, instances: 2, ..options() }).await;
    let batch = json!({"requests": [origin.url("/ok")]}).to_string();
    for _ in 0..20 {
        assert_eq!(edge.post(JSON, batch.clone()).await.outcomes().await.1["responses"], 1);
    }
    for _ in 0..5 {
        let replies = join_all((0..6).map(|_| edge.post(JSON, batch.clone()))).await;
        for reply in replies {
            assert_eq!(reply.outcomes().await.1["responses"], 1);
        }
    }
}

#[tokio::test]
async fn an_instance_is_replaced_before_it_exhausts_its_network_limit() {
    let origin = origin().await;
    let limits = Limits { network_bytes: 2 << 20, ..Limits::default() };
    let edge = Edge::start(builder().limits(limits), options()).await;
    let batch = json!({"requests": [origin.url("/bytes/500000")]}).to_string();
    for _ in 0..12 {
        assert_eq!(edge.post(JSON, batch.clone()).await.outcomes().await.1["responses"], 1);
    }
}
