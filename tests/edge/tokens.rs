//! Several tokens, each with limits of its own.

use super::{Edge, JSON, edge, options};
use crate::support::{origin, until};
use fantail::ServiceOptions;
use http::Method;
use serde_json::{Value, json};

pub(super) const ALPHA: &str = "alpha-0123456789";
pub(super) const BETA: &str = "beta-0123456789ab";

/// A service with two tokens, of which only the first may read metrics.
pub(super) fn two_tokens() -> ServiceOptions {
    let list = json!({"tokens": [
        {"name": "alpha", "token": ALPHA, "max_batches": 2, "metrics": true},
        {"name": "beta", "token": BETA, "max_requests": 1, "max_deadline": "2s"},
    ]});
    ServiceOptions { variables: vec![("api_tokens".to_owned(), list.to_string())], ..options() }
}

pub(super) async fn post(edge: &Edge, token: &str, batch: Value) -> super::client::Reply {
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_str()), ("content-type", JSON)];
    edge.request(Method::POST, "/", &headers, futures::stream::iter([batch.to_string().into()])).await
}

#[tokio::test]
async fn each_token_has_its_own_ceilings() {
    let (edge, origin) = (edge(two_tokens()).await, origin().await);
    let two = json!({"requests": [origin.url("/ok"), origin.url("/ok")]});
    assert_eq!(post(&edge, ALPHA, two.clone()).await.outcomes().await.1["responses"], 2);
    let problem = post(&edge, BETA, two).await.problem().await;
    assert_eq!((&problem["status"], &problem["ceiling"]), (&json!(413), &json!(1)));
    let long = json!({"policy": {"timeouts": {"batch": "3s"}}, "requests": []});
    assert_eq!(post(&edge, BETA, long).await.problem().await["ceiling"], "2s");
    let wrong = post(&edge, "gamma-0123456789", json!({"requests": []})).await.problem().await;
    assert_eq!(wrong["status"], 401);
}

#[tokio::test]
async fn v4_a_token_with_all_its_batches_under_way_is_told_to_retry_and_others_are_served() {
    let (edge, origin) = (edge(two_tokens()).await, origin().await);
    let hanging = json!({"requests": [origin.url("/hang")]});
    let mut under_way = vec![post(&edge, ALPHA, hanging.clone()).await, post(&edge, ALPHA, hanging.clone()).await];
    until(&origin, |counts| counts.in_flight == 2).await;
    let refused = post(&edge, ALPHA, hanging.clone()).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "1"));
    let one = json!({"requests": [origin.url("/ok")]});
    assert_eq!(post(&edge, BETA, one).await.outcomes().await.1["responses"], 1);
    under_way.pop();
    until(&origin, |counts| counts.in_flight == 1).await;
    assert_eq!(post(&edge, ALPHA, hanging).await.status, 200, "as soon as one has left");
}

#[tokio::test]
async fn tokens_that_cannot_be_used_are_reported_without_their_content() {
    let variables = vec![("api_tokens".to_owned(), "{\"tokens\":[{\"name\":\"a\",\"token\":\"s3cret\"}]}".to_owned())];
    let edge = edge(ServiceOptions { variables, ..options() }).await;
    let problem = post(&edge, "s3cret", json!({"requests": []})).await.problem().await;
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("api_tokens") && detail.contains("at least 16") && !detail.contains("s3cret"), "{detail}");
}
