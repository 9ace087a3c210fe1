//! Whole batches, and the lines of an answer that are not outcomes.

use fantail_engine::{Cause, Latency, Policy, Request, StatusCounts, Summary};
use fantail_wire::{
    BatchError, Ceiling, Id, Problem, batch_from_json, policy_from_line, problem_to_json, problem_to_line,
    summary_to_line,
};
use std::collections::BTreeMap;
use std::time::Duration;

#[test]
fn a_batch_has_a_policy_and_requests_as_urls_or_objects() {
    let text =
        r#"{"policy":{"concurrency":2},"requests":["http://a.test/",{"id":9,"url":"http://b.test/"},{"url":"c"}]}"#;
    let batch = batch_from_json(text, 3).unwrap();
    assert_eq!(batch_from_json(text, 2), Err(BatchError::TooMany));
    assert_eq!(batch.policy, Policy { concurrency: Some(2), ..Policy::default() });
    let (requests, contexts): (Vec<_>, Vec<_>) = batch.requests.into_iter().unzip();
    assert_eq!(requests, [Request::get(0, "http://a.test/"), Request::get(1, "http://b.test/"), Request::get(2, "c")]);
    let ids: Vec<_> = contexts.into_iter().map(|context| context.id).collect();
    assert_eq!(ids, [None, Some(Id::Number(9)), None]);
    assert_eq!(batch_from_json("{\"requests\":[]}", 0).unwrap().policy, Policy::default());
}

#[test]
fn an_error_in_a_batch_names_the_path_of_the_field() {
    for (text, field) in [
        (r#"{"policy":{"order":"random"},"requests":[]}"#, "policy.order"),
        (r#"{"requests":[{"url":"a"},{"url":"b","headers":{"x":1}}]}"#, "requests[1].headers.x"),
        (r#"{"requests":[{"url":"a"},{"url":"b","body_base64":"*"}]}"#, "requests[1].body_base64"),
        (r#"{"requests":[null]}"#, "requests[0]"),
        (r#"{"requests":{}}"#, "requests"),
        (r#"{"request":[]}"#, "request"),
        (r#"{"policy":{}}"#, ""),
    ] {
        let Err(BatchError::Malformed(error)) = batch_from_json(text, 9) else { panic!("{text} is malformed") };
        assert_eq!(error.field, field, "{text}");
    }
}

#[test]
fn a_policy_line_is_distinguished_from_a_request() {
    assert_eq!(policy_from_line(" { \"policy\" : {\"limits\":{\"window\":3}} } ").unwrap().unwrap().window, Some(3));
    assert!(policy_from_line("{\"policy\":{\"limits\":{\"windw\":3}}}").unwrap().is_err());
    assert!(policy_from_line("{\"policy\":{},\"requests\":[]}").unwrap().is_err());
    for other in ["http://a.test/", "{\"url\":\"http://a.test/\"}", "", "{"] {
        assert!(policy_from_line(other).is_none(), "{other}");
    }
}

#[test]
fn a_problem_is_written_as_rfc_9457_defines_it() {
    let problem = Problem {
        title: "Unprocessable Content",
        status: 422,
        detail: "less".to_owned(),
        field: Some("policy.deadline".to_owned()),
        ceiling: Some(Ceiling::Span(Duration::from_secs(60))),
        line: Some(1),
    };
    let expected = r#"{"title":"Unprocessable Content","status":422,"detail":"less","field":"policy.deadline","ceiling":"1m","line":1}"#;
    assert_eq!(problem_to_json(&problem), expected);
    assert_eq!(problem_to_line(&problem), format!("{{\"problem\":{expected}}}"));
    let bare = Problem { title: "Bad Request", status: 400, ceiling: Some(Ceiling::Count(5)), ..Problem::default() };
    assert_eq!(problem_to_json(&bare), r#"{"title":"Bad Request","status":400,"detail":"","ceiling":5}"#);
}

#[test]
fn a_summary_names_causes_and_writes_spans_in_microseconds() {
    let span = Duration::from_micros;
    let summary = Summary {
        requests: 3,
        responses: 2,
        failures: 1,
        by_cause: BTreeMap::from([(Cause::BodyTooLarge, 1)]),
        by_status: StatusCounts { successful: 1, server_error: 1, ..StatusCounts::default() },
        attempts: 4,
        retries: 1,
        hedges: 2,
        hedges_won: 1,
        coalesced: 3,
        body_bytes: 11,
        peak_in_flight: 2,
        latency: Latency { p50: span(5), p90: span(9), p99: span(9), p999: span(9), max: span(9) },
        elapsed: span(12),
        input_ended: true,
    };
    let expected = concat!(
        r#"{"summary":{"requests":3,"responses":2,"failures":1,"by_cause":{"body-too-large":1},"#,
        r#""by_status":{"informational":0,"successful":1,"redirection":0,"client_error":0,"server_error":1,"other":0},"#,
        r#""attempts":4,"retries":1,"hedges":2,"hedges_won":1,"coalesced":3,"body_bytes":11,"peak_in_flight":2,"#,
        r#""latency":{"p50_us":5,"p90_us":9,"p99_us":9,"p999_us":9,"max_us":9},"elapsed_us":12,"input_ended":true}}"#
    );
    assert_eq!(summary_to_line(&summary), expected);
}
