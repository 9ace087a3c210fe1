//! An origin that is left alone, through the component. When, is decided in the engine, whose own tests say more of it.

use crate::edge::{JSON, edge, options};
use crate::support::{by_id, cause, harness, origin, refused, requests, run};
use fantail::{Cause, Policy};
use serde_json::json;

#[tokio::test]
async fn a_dead_origin_is_left_alone_and_the_others_are_not() {
    let (origin, refused, harness) = (origin().await, refused().await, harness());
    let policy = Policy { breaker_percent: Some(50), concurrency: Some(4), ..Policy::default() };
    let urls = (0..400).map(|id| if id % 2 == 0 { refused.clone() } else { origin.url("/ok") });
    let (outcomes, report) = run(&harness, requests(urls), &policy).await;
    let outcomes = by_id(outcomes);
    assert!(outcomes.iter().skip(1).step_by(2).all(|outcome| outcome.result.is_ok()));
    let open = outcomes.iter().filter(|outcome| cause(outcome) == Some(Cause::BreakerOpen)).count();
    assert!((170..=180).contains(&open), "20 it takes to open, and those then in flight: {open}");
    assert_eq!(report.summary.attempts as usize, 400 - open);
    let detail = outcomes[398].result.as_ref().unwrap_err().detail.as_deref().unwrap();
    assert!(detail.contains("next probe in"), "{detail}");
}

#[tokio::test]
async fn batches_of_one_instance_share_what_they_have_learned() {
    let (edge, refused) = (edge(options()).await, refused().await);
    let ask = async |count: usize| {
        let batch = json!({"policy": {"breaker": {"percent": 50, "open": "1h"}}, "requests": vec![&refused; count]});
        edge.post(JSON, batch.to_string()).await.outcomes().await
    };
    let (_, summary) = ask(20).await;
    assert_eq!(summary["by_cause"], json!({"connection-refused": 20}));
    let (outcomes, summary) = ask(5).await;
    assert_eq!(summary["by_cause"], json!({"breaker-open": 5}));
    assert_eq!((&summary["attempts"], &outcomes[0]["error"]["code"]), (&json!(0), &json!("UNAVAILABLE")));
}
