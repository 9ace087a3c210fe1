//! `fetch-all`, called as a component would call it, with a network that answers from memory.

use crate::stock::Stock;

mod bindings {
    wasmtime::component::bindgen!({ path: "../wit", world: "fantail", require_store_data_send: true });
}
use bindings::exports::fantail::fetch::batch::{
    BodyMode, Cause, Outcome, Overrides, Policy, PolicyError, Request, Until,
};

/// The answer of `fetch-all`, and how many requests were sent.
async fn fetch_all(requests: Vec<Request>, policy: Policy) -> (Result<Vec<Outcome>, PolicyError>, usize) {
    let mut host = Stock::new(fantail::COMPONENT, &[]);
    let instance = bindings::Fantail::instantiate_async(&mut host.store, &host.component, &host.linker).await.unwrap();
    let answer = host.store.run_concurrent(async move |accessor| {
        instance.fantail_fetch_batch().call_fetch_all(accessor, requests, policy).await
    });
    (answer.await.unwrap().unwrap(), host.asked())
}

fn get(id: u64, path: &str) -> Request {
    let url = format!("http://origin.test{path}");
    Request { id, method: "GET".to_owned(), url, headers: Vec::new(), body: None, overrides: None }
}

/// A policy that leaves everything open.
fn open() -> Policy {
    Policy {
        concurrency: None,
        window: None,
        body: None,
        max_body: None,
        max_unread: None,
        connect_timeout: None,
        head_timeout: None,
        idle_timeout: None,
        attempt_timeout: None,
        timeout: None,
        deadline: None,
        order: None,
        until: None,
        retries: None,
        backoff: None,
        max_backoff: None,
        retry_ratio: None,
        retry_floor: None,
        redirects: None,
        per_origin: None,
        per_origin_floor: None,
        breaker_ratio: None,
        breaker_minimum: None,
        breaker_open: None,
        hedge: None,
        rate: None,
        burst: None,
        coalesce: None,
    }
}

fn causes(outcomes: &[Outcome]) -> Vec<Option<Cause>> {
    outcomes.iter().map(|outcome| outcome.result.as_ref().err().map(|failure| failure.cause)).collect()
}

#[tokio::test]
async fn a_list_has_one_outcome_per_request_however_long() {
    let (outcomes, asked) = fetch_all((0..1_000).map(|id| get(id, "/ok")).collect(), open()).await;
    let mut ids: Vec<u64> = outcomes.unwrap().iter().map(|outcome| outcome.id).collect();
    ids.sort_unstable();
    assert!(ids.into_iter().eq(0..1_000));
    assert_eq!(asked, 1_000);
    let (none, _) = fetch_all(Vec::new(), open()).await;
    assert!(none.unwrap().is_empty());
}

#[tokio::test]
async fn what_was_not_begun_when_a_list_stopped_has_its_outcome_too() {
    let policy = Policy { until: Some(Until::FirstFailure), concurrency: Some(1), window: Some(2), ..open() };
    let paths = ["/ok", "/fail", "/ok", "/ok", "/ok", "/ok"];
    let list = paths.iter().enumerate().map(|(id, path)| get(id as u64, path)).collect();
    let (outcomes, asked) = fetch_all(list, policy).await;
    assert_eq!(causes(&outcomes.unwrap()), [vec![None; 2], vec![Some(Cause::Cancelled); 4]].concat());
    assert_eq!(asked, 2);
    let policy = Policy { deadline: Some(50_000_000), concurrency: Some(2), window: Some(2), ..open() };
    let (outcomes, _) = fetch_all((0..5).map(|id| get(id, "/hang")).collect(), policy).await;
    assert_eq!(causes(&outcomes.unwrap()), [Some(Cause::Deadline); 5]);
}

#[tokio::test]
async fn unread_bodies_are_refused_in_a_list() {
    let (refused, asked) = fetch_all(vec![get(0, "/ok")], Policy { body: Some(BodyMode::Unread), ..open() }).await;
    assert_eq!((refused.unwrap_err().field.as_str(), asked), ("body", 0));
    let overrides = Overrides {
        timeout: None,
        body: Some(BodyMode::Unread),
        safe_to_repeat: None,
        secret_headers: Vec::new(),
        priority: None,
    };
    let list = vec![Request { overrides: Some(overrides), ..get(0, "/ok") }, get(1, "/ok")];
    let (outcomes, _) = fetch_all(list, open()).await;
    assert_eq!(causes(&outcomes.unwrap()), [Some(Cause::InvalidRequest), None]);
}

#[tokio::test]
async fn a_policy_out_of_bounds_is_an_error_before_anything_is_sent() {
    let (refused, asked) = fetch_all(vec![get(0, "/ok")], Policy { concurrency: Some(5_000), ..open() }).await;
    let refused = refused.unwrap_err();
    assert_eq!((refused.field.as_str(), refused.reason.as_str()), ("concurrency", "5000 is outside 1 to 4096"));
    assert_eq!(asked, 0);
}
