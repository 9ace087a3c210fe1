//! Nothing happens before demand, limits are never exceeded, and a slow or absent reader bounds the work.

use crate::support::{endless, harness, origin, requests, run, until};
use fantail::Policy;
use fantail_engine::Request;
use futures::StreamExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

#[tokio::test]
async fn s2_the_concurrency_limit_is_never_exceeded_at_the_origin() {
    let origin = origin().await;
    let urls = (0..3_000).map(|_| origin.url("/delay/3"));
    let (outcomes, report) = run(&harness(), requests(urls), &Policy::default()).await;
    assert_eq!(outcomes.len(), 3_000);
    assert_eq!((origin.counts().peak_in_flight, report.summary.peak_in_flight), (64, 64));
}

#[tokio::test]
async fn nothing_is_read_or_sent_before_demand() {
    let origin = origin().await;
    let read = Arc::new(AtomicUsize::new(0));
    let counted = {
        let read = Arc::clone(&read);
        endless(origin.url("/ok")).inspect(move |_| _ = read.fetch_add(1, Ordering::SeqCst))
    };
    let mut outcomes = harness().fetch(counted, &Policy::default()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!((read.load(Ordering::SeqCst), origin.counts().connections), (0, 0));
    assert!(outcomes.next().await.unwrap().result.is_ok());
}

#[tokio::test]
async fn leaving_an_endless_input_after_ten_outcomes_sends_a_bounded_number_of_requests() {
    let origin = origin().await;
    let policy = Policy { concurrency: Some(8), window: Some(16), ..Policy::default() };
    let outcomes = harness().fetch(endless(origin.url("/ok")), &policy).await.unwrap();
    assert_eq!(outcomes.take(10).count().await, 10);
    let took = until(&origin, |counts| counts.open == 0).await;
    assert!(took < Duration::from_secs(3), "connections closed after {took:?}");
    // Outcomes that the reader took, outcomes buffered by host and component, and requests in flight.
    assert!(origin.counts().requests <= 10 + 64 + 16, "{:?}", origin.counts());
}

#[tokio::test]
async fn x2_dropping_the_outcomes_cancels_requests_in_flight() {
    let origin = origin().await;
    let urls = std::iter::once("/ok").chain(std::iter::repeat_n("/hang", 50)).map(|path| origin.url(path));
    let mut outcomes = harness().fetch(requests(urls.collect::<Vec<_>>()), &Policy::default()).await.unwrap();
    assert!(outcomes.next().await.unwrap().result.is_ok());
    until(&origin, |counts| counts.in_flight == 50).await;
    drop(outcomes);
    let took = until(&origin, |counts| counts.in_flight == 0 && counts.open == 0).await;
    assert!(took < Duration::from_secs(3), "cancelled after {took:?}");
}

#[tokio::test]
async fn a_slow_reader_applies_backpressure_to_the_input() {
    let origin = origin().await;
    let policy = Policy { concurrency: Some(4), window: Some(8), ..Policy::default() };
    let mut outcomes = harness().fetch(endless(origin.url("/ok")), &policy).await.unwrap();
    for _ in 0..5 {
        outcomes.next().await.unwrap();
    }
    // What is on its way when the reader stops takes a moment to arrive, and longer on a busy machine.
    let mut before = 0;
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = origin.counts().requests;
        if std::mem::replace(&mut before, now) == now {
            break;
        }
    }
    assert!(before <= 5 + 64 + 8, "{before}");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(origin.counts().requests, before, "nothing is sent while no outcome is taken");
}

#[tokio::test]
async fn a_slow_input_does_not_delay_requests_already_read() {
    let origin = origin().await;
    let url = origin.url("/ok");
    let trickle = futures::stream::unfold(0, move |id| {
        let request = Request::get(id, url.clone());
        async move {
            if id > 0 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Some((request, id + 1))
        }
    });
    let mut outcomes = harness().fetch(trickle, &Policy::default()).await.unwrap();
    for id in 0..4 {
        let outcome = tokio::time::timeout(Duration::from_secs(2), outcomes.next()).await.unwrap().unwrap();
        assert_eq!(outcome.id, id);
    }
}
