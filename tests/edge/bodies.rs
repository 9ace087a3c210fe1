//! Bodies of every size through the composed application, and what one caller's do to another.

use super::{Edge, JSON, edge, with_variables};
use crate::support::{builder, origin};
use fantail::{Limits, ServiceOptions};
use futures::future::join_all;
use serde_json::json;

fn keeping(bytes: &str) -> ServiceOptions {
    with_variables(&[("max_body_bytes", bytes)])
}

async fn all_whole(edge: &Edge, url: String, size: usize, count: usize, concurrency: usize) {
    let batch = json!({"policy": {"concurrency": concurrency, "limits": {"window": concurrency, "max_body": size}}, "requests": vec![url; count]});
    let (outcomes, summary) = edge.post(JSON, batch.to_string()).await.outcomes().await;
    assert_eq!((outcomes.len(), &summary["responses"]), (count, &json!(count)), "{size}: {summary}");
    for outcome in outcomes {
        assert_eq!(outcome["body"].as_str().map(str::len), Some(size), "{size}");
    }
}

#[tokio::test]
async fn x1_bodies_of_every_size_come_whole_alone_and_many_at_once() {
    let origin = origin().await;
    let limits = Limits { memory: 512 << 20, ..Limits::default() };
    let edge = Edge::start(builder().limits(limits), keeping("8388608")).await;
    for (size, counts) in [
        (0, &[1, 20, 200][..]),
        (1_024, &[1, 20, 200]),
        (100_000, &[1, 20, 200]),
        (900_000, &[1, 20, 200]),
        (8 << 20, &[1, 20]),
    ] {
        for count in counts {
            let concurrency = ((64 << 20) / size.max(1)).clamp(1, 64);
            all_whole(&edge, origin.url(&format!("/bytes/{size}")), size, *count, concurrency).await;
        }
    }
}

#[tokio::test]
async fn x1_large_bodies_of_one_caller_are_no_failure_of_another() {
    // One instance, which all of them share.
    let (edge, origin) = (edge(keeping("1048576")).await, origin().await);
    let callers = (0..8).map(|caller| {
        let size = if caller % 2 == 0 { 900_000 } else { 1_024 };
        all_whole(&edge, origin.url(&format!("/bytes/{size}")), size, 40, 64)
    });
    join_all(callers).await;
}
