//! `fetch-all`, called as a component would call it, with a network that answers from memory.

use crate::callers::{CallerOutcome, fetch_all};
use fantail::{BodyMode, Cause, Policy, Until};
use fantail_engine::{Request, RequestOptions};
use std::time::Duration;

fn get(id: u64, path: &str) -> Request {
    Request::get(id, format!("http://origin.test{path}"))
}

fn causes(outcomes: &[CallerOutcome]) -> Vec<Option<Cause>> {
    outcomes.iter().map(|outcome| outcome.result.as_ref().err().map(|failure| failure.cause)).collect()
}

#[tokio::test]
async fn a_list_has_one_outcome_per_request_however_long() {
    let (outcomes, sent) = fetch_all((0..1_000).map(|id| get(id, "/ok")).collect(), &Policy::default()).await;
    let mut ids: Vec<u64> = outcomes.unwrap().iter().map(|outcome| outcome.id).collect();
    ids.sort_unstable();
    assert!(ids.into_iter().eq(0..1_000));
    assert_eq!(sent, 1_000);
    let (none, _) = fetch_all(Vec::new(), &Policy::default()).await;
    assert!(none.unwrap().is_empty());
}

#[tokio::test]
async fn requests_not_started_when_a_list_stops_have_outcomes_too() {
    let policy =
        Policy { until: Some(Until::FirstFailure), concurrency: Some(1), window: Some(2), ..Policy::default() };
    let paths = ["/ok", "/fail", "/ok", "/ok", "/ok", "/ok"];
    let list = paths.iter().enumerate().map(|(id, path)| get(id as u64, path)).collect();
    let (outcomes, sent) = fetch_all(list, &policy).await;
    assert_eq!(causes(&outcomes.unwrap()), [vec![None; 2], vec![Some(Cause::Cancelled); 4]].concat());
    assert_eq!(sent, 2);
    let policy = Policy {
        deadline: Some(Duration::from_millis(50)),
        concurrency: Some(2),
        window: Some(2),
        ..Policy::default()
    };
    let (outcomes, _) = fetch_all((0..5).map(|id| get(id, "/hang")).collect(), &policy).await;
    assert_eq!(causes(&outcomes.unwrap()), [Some(Cause::Deadline); 5]);
}

#[tokio::test]
async fn unread_bodies_are_refused_in_a_list() {
    let (refused, sent) =
        fetch_all(vec![get(0, "/ok")], &Policy { body: Some(BodyMode::Unread), ..Policy::default() }).await;
    assert_eq!((refused.unwrap_err().0.as_str(), sent), ("body", 0));
    let options = RequestOptions { body: Some(BodyMode::Unread), ..RequestOptions::default() };
    let list = vec![Request { options, ..get(0, "/ok") }, get(1, "/ok")];
    let (outcomes, _) = fetch_all(list, &Policy::default()).await;
    assert_eq!(causes(&outcomes.unwrap()), [Some(Cause::InvalidRequest), None]);
}

#[tokio::test]
async fn a_policy_out_of_bounds_is_an_error_before_anything_is_sent() {
    let (refused, sent) =
        fetch_all(vec![get(0, "/ok")], &Policy { concurrency: Some(5_000), ..Policy::default() }).await;
    let refused = refused.unwrap_err();
    assert_eq!((refused.0.as_str(), refused.1.as_str()), ("concurrency", "5000 is not within 1 to 4,096"));
    assert_eq!(sent, 0);
}
