//! A batch that several instances run, each on a thread of its own: what it promises is what one instance promises.

use crate::support::{builder, by_id, cause, endless, origin, requests, run, status, until};
use fantail::{Cause, End, Limits, Order, Policy};
use fantail_origin::Origin;
use futures::StreamExt;
use std::time::Duration;

/// Responses, statuses and faults in turn.
fn mixed(origin: &Origin, count: usize) -> Vec<String> {
    let paths = ["/ok", "/status/503", "/close", "/bytes/20000", "/delay/20"];
    paths.iter().cycle().take(count).map(|path| origin.url(path)).collect()
}

#[tokio::test]
async fn every_request_has_one_outcome_whoever_ran_it() {
    let origin = origin().await;
    let harness = builder().workers(3).build().unwrap();
    let (outcomes, report) = run(&harness, requests(mixed(&origin, 1_000)), &policy(24)).await;
    let outcomes = by_id(outcomes);
    assert_eq!((outcomes.len(), report.receipt.instances), (1_000, 3));
    for (place, outcome) in outcomes.iter().enumerate() {
        let expected = [Some(200), Some(503), None, Some(200), Some(200)][place % 5];
        assert_eq!(status(outcome), expected, "{outcome:?}");
    }
    let summary = &report.summary;
    assert_eq!((summary.requests, summary.responses, summary.failures), (1_000, 800, 200));
    assert_eq!((summary.attempts, summary.input_ended), (1_000, true));
    assert!(matches!(report.end, End::Finished(Some(_))), "{:?}", report.end);
    // Every one has run requests: each opens a connection for each of its slots.
    assert!(report.connections.opened >= 24, "{:?}", report.connections);
}

#[tokio::test]
async fn outcomes_come_in_the_order_of_the_input_if_the_policy_asks_for_it() {
    let origin = origin().await;
    let harness = builder().workers(3).build().unwrap();
    let policy = Policy { order: Some(Order::Input), ..policy(24) };
    let (outcomes, report) = run(&harness, requests(mixed(&origin, 500)), &policy).await;
    assert!(outcomes.iter().map(|outcome| outcome.id).eq(0..500), "in order");
    assert_eq!(report.receipt.instances, 3);
}

#[tokio::test]
async fn together_they_send_no_more_at_once_than_the_policy_allows_and_no_less() {
    let origin = origin().await;
    let harness = builder().workers(3).build().unwrap();
    let urls = vec![origin.url("/delay/100"); 250];
    let (outcomes, _) = run(&harness, requests(urls), &policy(50)).await;
    assert_eq!(outcomes.len(), 250);
    assert_eq!(origin.counts().peak_in_flight, 50);
}

#[tokio::test]
async fn as_many_requests_as_slots_fill_the_slots_of_all() {
    let origin = origin().await;
    let harness = builder().workers(3).build().unwrap();
    let mut outcomes = harness.fetch(requests(vec![origin.url("/hang"); 24]), &policy(24)).await.unwrap();
    let none = tokio::time::timeout(Duration::from_millis(100), outcomes.next()).await;
    assert!(none.is_err());
    until(&origin, |counts| counts.in_flight == 24).await;
}

#[tokio::test]
async fn nothing_is_read_that_has_no_room() {
    let origin = origin().await;
    let harness = builder().workers(3).build().unwrap();
    let policy = Policy { window: Some(30), ..policy(24) };
    let mut outcomes = harness.fetch(endless(origin.url("/hang")), &policy).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(origin.counts().requests, 0, "not before an outcome is asked for");
    let canceller = outcomes.canceller().unwrap();
    let none = tokio::time::timeout(Duration::from_millis(200), outcomes.next()).await;
    assert!(none.is_err());
    drop(canceller);
    let rest: Vec<_> = (&mut outcomes).collect().await;
    assert_eq!(by_id(rest).len(), 30, "as many as the windows hold");
    assert_eq!(outcomes.report().await.summary.requests, 30);
}

#[tokio::test]
async fn a_cancelled_batch_leaves_nothing_behind_on_any_thread() {
    let origin = origin().await;
    let harness = builder().workers(3).build().unwrap();
    let mut outcomes = harness.fetch(endless(origin.url("/hang")), &policy(24)).await.unwrap();
    let none = tokio::time::timeout(Duration::from_millis(100), outcomes.next()).await;
    assert!(none.is_err());
    until(&origin, |counts| counts.in_flight == 24).await;
    drop(outcomes);
    until(&origin, |counts| counts.in_flight == 0 && counts.open == 0).await;
    assert_eq!(harness.connections().open, 0);
}

#[tokio::test]
async fn an_instance_that_may_take_no_more_leaves_the_rest_to_the_others() {
    let origin = origin().await;
    let limits = Limits { requests: 100, ..Limits::default() };
    let harness = builder().limits(limits).workers(3).build().unwrap();
    let (outcomes, report) = run(&harness, requests(vec![origin.url("/ok"); 250]), &policy(24)).await;
    assert_eq!(by_id(outcomes).len(), 250, "no instance runs more than 100");
    assert!(report.summary.input_ended);
}

#[tokio::test]
async fn what_no_instance_can_run_fails_with_an_outcome_each() {
    let origin = origin().await;
    let limits = Limits { memory: 1 << 20, ..Limits::default() };
    let harness = builder().limits(limits).workers(3).build().unwrap();
    let (outcomes, report) = run(&harness, requests(vec![origin.url("/ok"); 250]), &policy(24)).await;
    assert!(outcomes.iter().all(|outcome| cause(outcome) == Some(Cause::InternalError)));
    assert_eq!(by_id(outcomes).len(), 250);
    assert!(matches!(report.end, End::Broken(_)), "{:?}", report.end);
}

#[tokio::test]
async fn a_batch_outlives_its_harness() {
    let origin = origin().await;
    let harness = builder().workers(3).build().unwrap();
    let outcomes = harness.fetch(requests(vec![origin.url("/delay/50"); 100]), &policy(24)).await.unwrap();
    drop(harness);
    let outcomes: Vec<_> = outcomes.collect().await;
    assert!(outcomes.iter().all(|outcome| status(outcome) == Some(200)));
    assert_eq!(by_id(outcomes).len(), 100);
}

#[tokio::test]
async fn a_policy_about_other_requests_is_run_by_one_instance() {
    let origin = origin().await;
    let harness = builder().workers(3).build().unwrap();
    let policy = Policy { until: Some(fantail::Until::FirstFailure), ..policy(24) };
    let (outcomes, report) = run(&harness, requests(mixed(&origin, 100)), &policy).await;
    assert_eq!(report.receipt.instances, 1);
    assert!(outcomes.iter().any(|outcome| cause(outcome) == Some(Cause::Cancelled)) || outcomes.len() < 100);
}

fn policy(concurrency: u32) -> Policy {
    Policy { concurrency: Some(concurrency), ..Policy::default() }
}
