//! The breaker, through the component. The engine decides when it opens, and its own tests cover that.

use crate::edge::{JSON, edge, options};
use crate::support::{by_id, cause, harness, origin, refused_url, requests, run};
use fantail::{Cause, Policy};
use serde_json::json;

#[tokio::test]
async fn an_open_breaker_stops_requests_to_a_dead_origin_and_no_other() {
    let (origin, refused, harness) = (origin().await, refused_url().await, harness());
    let policy = Policy { breaker_percent: Some(50), concurrency: Some(4), ..Policy::default() };
    let urls = (0..400).map(|id| if id % 2 == 0 { refused.clone() } else { origin.url("/ok") });
    let (outcomes, report) = run(&harness, requests(urls), &policy).await;
    let outcomes = by_id(outcomes);
    assert!(outcomes.iter().skip(1).step_by(2).all(|outcome| outcome.result.is_ok()));
    let open = outcomes.iter().filter(|outcome| cause(outcome) == Some(Cause::BreakerOpen)).count();
    assert!((170..=180).contains(&open), "opening takes 20, plus those in flight at that moment: {open}");
    assert_eq!(report.summary.attempts as usize, 400 - open);
    let detail = outcomes[398].result.as_ref().unwrap_err().detail.as_deref().unwrap();
    assert!(detail.contains("next probe in"), "{detail}");
}

#[tokio::test]
async fn batches_in_one_instance_share_their_breakers() {
    let (edge, refused) = (edge(options()).await, refused_url().await);
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
