//! Bodies of every size through the composed application, and how those of one caller affect another.

use super::{Edge, JSON, edge, with_variables};
use crate::support::{builder, origin};
use fantail::{Limits, ServiceOptions};
use futures::future::join_all;
use serde_json::json;

fn with_max_body(bytes: &str) -> ServiceOptions {
    with_variables(&[("max_body_bytes", bytes)])
}

async fn assert_all_intact(edge: &Edge, url: String, size: usize, count: usize, concurrency: usize) {
    let batch = json!({"policy": {"concurrency": concurrency, "limits": {"window": concurrency, "max_body": size}}, "requests": vec![url; count]});
    let (outcomes, summary) = edge.post(JSON, batch.to_string()).await.outcomes().await;
    assert_eq!((outcomes.len(), &summary["responses"]), (count, &json!(count)), "{size}: {summary}");
    for outcome in outcomes {
        assert_eq!(outcome["body"].as_str().map(str::len), Some(size), "{size}");
    }
}

#[tokio::test]
async fn x1_bodies_of_every_size_arrive_intact_one_or_many_at_once() {
    let origin = origin().await;
    let limits = Limits { memory: 512 << 20, ..Limits::default() };
    let edge = Edge::start(builder().limits(limits), with_max_body("8388608")).await;
    for (size, counts) in [
        (0, &[1, 20, 200][..]),
        (1_024, &[1, 20, 200]),
        (100_000, &[1, 20, 200]),
        (900_000, &[1, 20, 200]),
        (8 << 20, &[1, 20]),
    ] {
        for count in counts {
            let concurrency = ((64 << 20) / size.max(1)).clamp(1, 64);
            assert_all_intact(&edge, origin.url(&format!("/bytes/{size}")), size, *count, concurrency).await;
        }
    }
}

#[tokio::test]
async fn x1_large_bodies_of_one_caller_do_not_fail_another() {
    // All callers share one instance.
    let (edge, origin) = (edge(with_max_body("1048576")).await, origin().await);
    let callers = (0..8).map(|caller| {
        let size = if caller % 2 == 0 { 900_000 } else { 1_024 };
        assert_all_intact(&edge, origin.url(&format!("/bytes/{size}")), size, 40, 64)
    });
    join_all(callers).await;
}
