//! A batch that several instances run, each on a thread of its own: what it promises is what one instance promises.

use crate::support::{builder, by_id, cause, endless, origin, requests, run, status, until};
use fantail::{Cause, End, Limits, Order, Policy};
use fantail_engine::Request;
use fantail_origin::Origin;
use futures::StreamExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

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
async fn together_they_send_as_many_at_once_as_the_policy_allows_and_no_more() {
    let origin = origin().await;
    let harness = builder().workers(3).build().unwrap();
    let mut outcomes = harness.fetch(endless(origin.url("/hang")), &policy(50)).await.unwrap();
    let none = tokio::time::timeout(Duration::from_millis(100), outcomes.next()).await;
    assert!(none.is_err());
    until(&origin, |counts| counts.in_flight == 50).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(origin.counts().peak_in_flight, 50);
}

#[tokio::test]
async fn as_many_requests_as_slots_fill_the_slots_of_all() {
    let origin = origin().await;
    let harness = builder().workers(3).build().unwrap();
    let mut outcomes = harness.fetch(requests(vec![origin.url("/hang"); 25]), &policy(25)).await.unwrap();
    let none = tokio::time::timeout(Duration::from_millis(100), outcomes.next()).await;
    assert!(none.is_err());
    until(&origin, |counts| counts.in_flight == 25).await;
}

#[tokio::test]
async fn nothing_is_read_that_has_no_room() {
    let origin = origin().await;
    let harness = builder().workers(3).build().unwrap();
    let policy = Policy { window: Some(30), ..policy(24) };
    let read = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&read);
    let input = endless(origin.url("/hang")).inspect(move |_| _ = counter.fetch_add(1, Ordering::Relaxed));
    let mut outcomes = harness.fetch(input, &policy).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(read.load(Ordering::Relaxed), 0, "not before an outcome is asked for");
    let canceller = outcomes.canceller().unwrap();
    let enough = Instant::now() + Duration::from_secs(10);
    while read.load(Ordering::Relaxed) < 30 && Instant::now() < enough {
        let none = tokio::time::timeout(Duration::from_millis(20), outcomes.next()).await;
        assert!(none.is_err());
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(read.load(Ordering::Relaxed), 30, "no more than the windows hold");
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
    let enough = Instant::now() + Duration::from_secs(10);
    while harness.connections().open > 0 {
        assert!(Instant::now() < enough, "{:?}", harness.connections());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
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

/// A limit on the bytes of one call, which the outcome at place 100 exceeds.
#[tokio::test]
async fn an_instance_that_ends_midway_leaves_an_outcome_for_each_of_its_requests_and_the_rest_to_the_others() {
    let origin = origin().await;
    let limits = Limits { hostcall_bytes: 64 << 10, ..Limits::default() };
    let harness = builder().limits(limits).workers(3).build().unwrap();
    let mut urls = vec![origin.url("/ok"); 1_000];
    urls[100] = origin.url("/bytes/200000");
    let (outcomes, report) = run(&harness, requests(urls), &policy(24)).await;
    let failed: Vec<_> = outcomes.iter().filter(|outcome| status(outcome).is_none()).collect();
    assert!(failed.iter().all(|outcome| cause(outcome) == Some(Cause::InternalError)));
    assert!(failed.iter().any(|outcome| outcome.id == 100), "{failed:?}");
    assert!(failed.len() < 100, "no more than one instance held: {}", failed.len());
    assert_eq!((by_id(outcomes).len(), report.receipt.instances), (1_000, 3));
    assert!(matches!(report.end, End::Broken(_)), "{:?}", report.end);
    assert!(report.summary.input_ended);
}

#[tokio::test]
async fn an_input_that_comes_slowly_is_taken_as_it_comes_and_dropped_at_the_end() {
    let origin = origin().await;
    let harness = builder().workers(3).build().unwrap();
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let url = origin.url("/ok");
    let producer = tokio::spawn(async move {
        for id in 0..60 {
            sender.send(Request::get(id, url.clone())).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        sender.closed().await;
    });
    let input =
        futures::stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) });
    let mut outcomes = harness.fetch(input.take(60), &policy(24)).await.unwrap();
    let mut all = Vec::new();
    while let Some(outcome) = outcomes.next().await {
        all.push(outcome);
    }
    assert_eq!(by_id(all).len(), 60);
    // The stream of outcomes is still there.
    producer.await.unwrap();
    assert!(outcomes.report().await.summary.input_ended);
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
