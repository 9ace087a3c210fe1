//! Requests that are refused before anything is sent.

use super::{Edge, JSON, NDJSON, edge, options, with_variables};
use crate::support::origin;
use fantail::{Egress, Harness, ServiceOptions};
use http::Method;
use serde_json::{Value, json};

/// Posts with this authorization and returns the problem.
async fn with_token(edge: &Edge, token: Option<&str>) -> Value {
    let token = token.map(|token| ("authorization", token));
    let headers: Vec<_> = token.into_iter().chain([("content-type", JSON)]).collect();
    edge.request(Method::POST, "/", &headers, futures::stream::iter(["{}".into()])).await.problem().await
}

#[tokio::test]
async fn a_wrong_or_missing_token_is_refused() {
    let edge = edge(options()).await;
    for (token, detail) in
        [(None, "no token"), (Some("Bearer secreT"), "not the token"), (Some("Basic secret"), "no token")]
    {
        let problem = with_token(&edge, token).await;
        assert_eq!(problem["status"], 401);
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{problem}");
    }
    let refused = edge.request(Method::POST, "/", &[], futures::stream::empty()).await;
    assert_eq!(refused.header("www-authenticate"), "Bearer");
}

#[tokio::test]
async fn without_a_configured_token_every_request_is_refused() {
    for variables in [vec![], vec![("api_token".to_owned(), String::new())]] {
        let edge = edge(ServiceOptions { variables, ..options() }).await;
        for token in [None, Some("Bearer "), Some("Bearer secret")] {
            let problem = with_token(&edge, token).await;
            assert_eq!(problem["status"], 503);
            assert!(problem["detail"].as_str().unwrap().contains("SPIN_VARIABLE_API_TOKEN"), "{problem}");
        }
    }
}

#[tokio::test]
async fn an_invalid_variable_is_named() {
    let edge = edge(with_variables(&[("max_deadline", "soon")])).await;
    let problem = edge.post(JSON, "{\"requests\":[]}").await.problem().await;
    assert_eq!(problem["status"], 503);
    assert!(problem["detail"].as_str().unwrap().contains("max_deadline"), "{problem}");
    assert_eq!(with_token(&edge, None).await["status"], 401, "without the token, nothing is disclosed");
}

#[tokio::test]
async fn every_ceiling_is_named_with_its_field() {
    let ceilings = [
        ("max_requests", "3"),
        ("max_concurrency", "4"),
        ("max_batch_bytes", "400"),
        ("max_body_bytes", "1000"),
        ("max_window_bytes", "100000"),
        ("max_deadline", "2s"),
    ];
    let (edge, origin) = (edge(with_variables(&ceilings)).await, origin().await);
    let url = origin.url("/ok");
    let with = |policy: Value| json!({"policy": policy, "requests": [url]}).to_string();
    let many = json!({"requests": [url, url, url, url]}).to_string();
    let long = json!({"requests": [{"url": url, "body": "x".repeat(400)}]}).to_string();
    for (batch, status, field, ceiling) in [
        (with(json!({"concurrency": 5})), 422, "policy.concurrency", json!(4)),
        (with(json!({"limits": {"window": 9}})), 422, "policy.limits.window", json!(8)),
        (with(json!({"limits": {"max_body": 1_001}})), 422, "policy.limits.max_body", json!(1_000)),
        (with(json!({"limits": {"window_bytes": 100_001}})), 422, "policy.limits.window_bytes", json!(100_000)),
        (with(json!({"timeouts": {"batch": "3s"}})), 422, "policy.timeouts.batch", json!("2s")),
        (many, 413, "requests", json!(3)),
        (long, 413, "body", json!(400)),
    ] {
        let problem = edge.post(JSON, batch).await.problem().await;
        assert_eq!((&problem["status"], &problem["field"]), (&json!(status), &json!(field)), "{problem}");
        assert_eq!(problem["ceiling"], ceiling, "{problem}");
        assert!(problem["title"].is_string() && problem["detail"].is_string());
    }
    assert_eq!(origin.counts().connections, 0, "nothing was sent");
    let (outcomes, _) = edge.post(JSON, with(json!({}))).await.outcomes().await;
    assert_eq!(outcomes[0]["status"], 200);
}

#[tokio::test]
async fn unset_policy_fields_are_capped_by_the_ceilings() {
    let (edge, origin) =
        (edge(with_variables(&[("max_deadline", "300ms"), ("max_body_bytes", "10")])).await, origin().await);
    let batch = json!({"requests": [origin.url("/bytes/11"), origin.url("/hang")]}).to_string();
    let (outcomes, _) = edge.post(JSON, batch).await.outcomes().await;
    assert_eq!(outcomes[0]["error"]["cause"], "body-too-large");
    assert_eq!(outcomes[1]["error"]["cause"], "deadline");
}

#[tokio::test]
async fn a_line_beyond_a_ceiling_ends_the_batch_with_a_problem() {
    let (edge, origin) =
        (edge(with_variables(&[("max_requests", "5"), ("max_batch_bytes", "2000")])).await, origin().await);
    let line = format!("{}\n", origin.url("/ok"));
    let mut lines = edge.post(NDJSON, line.repeat(9)).await.lines().await;
    let summary = lines.pop().unwrap();
    let problem = lines.pop().unwrap();
    assert_eq!((lines.len(), &summary["summary"]["requests"]), (5, &json!(5)));
    assert_eq!((&problem["problem"]["field"], &problem["problem"]["ceiling"]), (&json!("requests"), &json!(5)));
    assert_eq!(origin.counts().requests, 5);
    // The batch exceeds its bytes only while it streams, as its length was not announced.
    let (mut input, reply) = edge.post_lines().await;
    input.send(line.clone()).await;
    input.send("x".repeat(2_000)).await;
    let lines = reply.lines().await;
    assert_eq!((&lines[0]["status"], &lines[1]["problem"]["status"]), (&json!(200), &json!(413)));
    assert_eq!(lines[2]["summary"]["requests"], 1);
}

#[tokio::test]
async fn malformed_input_is_refused_with_its_line_and_field() {
    let edge = edge(options()).await;
    let twice = "{\"requests\":[{\"url\":\"http://a.test/\",\"body\":\"a\",\"body_base64\":\"YQ==\"}]}";
    for (content_type, body, line, field, detail) in [
        (JSON, "{\"requests\":[\n\"http://a.test/\",\n{\"ulr\":1}]}", 3, "requests[1].ulr", "unknown field"),
        (
            JSON,
            "{\"policy\":{\"concurrency\":\"many\"},\"requests\":[]}",
            1,
            "policy.concurrency",
            "expected a number, 1 to 4,096",
        ),
        (
            JSON,
            "{\"policy\":\n{\"timeouts\":{\"request\":\"soon\"}},\"requests\":[]}",
            2,
            "policy.timeouts.request",
            "a time such as",
        ),
        (JSON, "{\"requests\":[7]}", 1, "requests[0]", "a URL or an object"),
        (JSON, twice, 0, "requests[0].body_base64", "together with body"),
        (NDJSON, "\n{\"policy\":{\"concurency\":3}}\n", 2, "policy.concurency", "did you mean concurrency"),
        (NDJSON, "{\"ulr\":\"http://a.test/\"}\n", 1, "ulr", "unknown field"),
    ] {
        let problem = edge.post(content_type, body).await.problem().await;
        assert_eq!((&problem["status"], &problem["field"]), (&json!(400), &json!(field)), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{problem}");
        // An error that involves two fields has no single line.
        assert_eq!(problem["line"], if line == 0 { Value::Null } else { json!(line) }, "{problem}");
    }
    for body in ["", "[]", "{", "{\"policy\":{}}", "{\"requests\":[]} x"] {
        assert_eq!(edge.post(JSON, body).await.problem().await["status"], 400, "{body}");
    }
    assert_eq!(edge.post(JSON, vec![0xff]).await.problem().await["field"], "body");
    assert_eq!(edge.post("text/plain", "{}").await.problem().await["status"], 415);
}

#[tokio::test]
async fn a_policy_out_of_bounds_is_refused_by_the_component() {
    let edge = edge(options()).await;
    let batch = json!({"policy": {"timeouts": {"head": "2h"}}, "requests": ["http://127.0.0.1:1/"]});
    let problem = edge.post(JSON, batch.to_string()).await.problem().await;
    assert_eq!((&problem["status"], &problem["field"]), (&json!(422), &json!("policy.timeouts.head")));
    assert!(problem["detail"].as_str().unwrap().contains("1 ms to 1 h"), "{problem}");
}

#[tokio::test]
async fn an_origin_that_is_not_allowed_is_denied_as_on_spin() {
    let origin = origin().await;
    let egress = Egress::nothing().allow("127.0.0.0/8".parse().unwrap());
    let egress = egress.origin("http://*.example.com".parse().unwrap());
    let edge = Edge::start(Harness::builder(egress), options()).await;
    let (outcomes, _) = edge.post(JSON, json!({"requests": [origin.url("/ok")]}).to_string()).await.outcomes().await;
    let error = &outcomes[0]["error"];
    assert_eq!((&error["cause"], &error["sent"]), (&json!("HTTP-request-denied"), &json!("no")));
    assert_eq!(origin.counts().connections, 0);
}
