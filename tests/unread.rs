//! Unread bodies, which the host streams past the component.

use crate::support::{by_id, cause, harness, origin, requests, run, until};
use fantail::{Body, BodyMode, Cause, Outcome, Phase, Policy, UnreadBody};
use futures::StreamExt;
use std::time::Duration;

fn unread() -> Policy {
    Policy { body: Some(BodyMode::Unread), ..Policy::default() }
}

fn body(outcome: Outcome) -> UnreadBody {
    match outcome.result.unwrap().body {
        Body::Unread(body) => body,
        other => panic!("not unread: {other:?}"),
    }
}

#[tokio::test]
async fn an_unread_body_streams_to_the_reader() {
    let origin = origin().await;
    let urls = ["/bytes/3000000", "/chunked/50000", "/ok"].map(|path| origin.url(path));
    let mut outcomes = harness().fetch(requests(urls), &unread()).await.unwrap();
    let mut lengths = Vec::new();
    while let Some(outcome) = outcomes.next().await {
        let (id, mut length) = (outcome.id, 0);
        let mut body = body(outcome);
        while let Some(piece) = body.next().await {
            length += piece.unwrap().len();
        }
        lengths.push((id, length));
    }
    lengths.sort_unstable();
    assert_eq!(lengths, [(0, 3_000_000), (1, 50_000), (2, 11)]);
    assert_eq!(outcomes.report().await.summary.responses, 3);
}

#[tokio::test]
async fn an_unread_body_that_breaks_ends_with_its_failure() {
    let origin = origin().await;
    let mut outcomes = harness().fetch(requests([origin.url("/short")]), &unread()).await.unwrap();
    let pieces: Vec<_> = body(outcomes.next().await.unwrap()).collect().await;
    let failure = pieces.last().unwrap().as_ref().unwrap_err();
    assert_eq!((failure.cause, failure.phase, failure.status), (Cause::HttpResponseIncomplete, Phase::Body, Some(200)));
}

#[tokio::test]
async fn x3_an_abandoned_body_closes_its_connection_and_no_other() {
    let origin = origin().await;
    let urls = ["/endless", "/drip/20"].map(|path| origin.url(path));
    let mut outcomes = harness().fetch(requests(urls), &unread()).await.unwrap();
    let mut bodies: Vec<(u64, UnreadBody)> = Vec::new();
    for _ in 0..2 {
        let outcome = outcomes.next().await.unwrap();
        bodies.push((outcome.id, body(outcome)));
    }
    bodies.sort_by_key(|(id, _)| *id);
    let (_, endless) = bodies.remove(0);
    drop(endless);
    until(&origin, |counts| counts.open == 1).await;
    let (_, mut drip) = bodies.remove(0);
    assert!(drip.next().await.unwrap().is_ok(), "the other connection stays open");
    drop(drip);
    until(&origin, |counts| counts.open == 0).await;
}

#[tokio::test]
async fn outstanding_unread_bodies_hold_back_further_requests() {
    let origin = origin().await;
    let policy = Policy { max_unread: Some(3), ..unread() };
    let urls: Vec<String> = (0..6).map(|_| origin.url("/bytes/1000000")).collect();
    let mut outcomes = harness().fetch(requests(urls), &policy).await.unwrap();
    let mut held: Vec<UnreadBody> = Vec::new();
    for _ in 0..3 {
        held.push(body(outcomes.next().await.unwrap()));
    }
    assert!(
        tokio::time::timeout(Duration::from_millis(200), outcomes.next()).await.is_err(),
        "three bodies are outstanding"
    );
    assert_eq!(origin.counts().requests, 3);
    drop(held.pop());
    assert!(outcomes.next().await.unwrap().result.is_ok());
}

#[tokio::test]
async fn requests_held_back_by_unread_bodies_time_out() {
    let origin = origin().await;
    let policy = Policy { max_unread: Some(1), timeout: Some(Duration::from_millis(200)), ..unread() };
    let urls: Vec<String> = (0..3).map(|_| origin.url("/bytes/1000000")).collect();
    let (outcomes, _) = run(&harness(), requests(urls), &policy).await;
    let outcomes = by_id(outcomes);
    assert_eq!(outcomes.iter().filter(|outcome| cause(outcome) == Some(Cause::TimeoutTotal)).count(), 2);
}

#[tokio::test]
async fn b13_an_unread_body_holds_back_its_server_and_no_other() {
    let (origin, other) = (origin().await, origin().await);
    let harness = harness();
    let urls = std::iter::once(origin.url("/endless")).chain((0..9).map(|_| other.url("/bytes/300000")));
    let mut outcomes = harness.fetch(requests(urls.collect::<Vec<_>>()), &unread()).await.unwrap();
    let mut bodies: Vec<(u64, UnreadBody)> =
        outcomes.by_ref().take(10).map(|outcome| (outcome.id, body(outcome))).collect().await;
    bodies.sort_by_key(|(id, _)| *id);
    let mut bodies = bodies.into_iter();
    let (_, held) = bodies.next().unwrap();
    for (_, mut body) in bodies {
        let mut received = 0;
        while let Some(piece) = body.next().await {
            received += piece.unwrap().len();
        }
        assert_eq!(received, 300_000);
    }
    // The server can send no more than fits into buffers meanwhile.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let before = harness.connections();
    assert!(before.open > before.idle, "{before:?}");
    drop(held);
    until(&origin, |counts| counts.open == 0).await;
}

#[tokio::test]
async fn cancelling_a_batch_ends_a_body_that_is_being_read() {
    let origin = origin().await;
    let policy =
        Policy { body: Some(BodyMode::Unread), concurrency: Some(100), window: Some(200), ..Policy::default() };
    let urls: Vec<String> = (0..200).map(|id| origin.url(["/drip/60000", "/ok"][id.min(1)])).collect();
    let mut outcomes = harness().fetch(requests(urls), &policy).await.unwrap();
    let canceller = outcomes.canceller();
    let mut first = loop {
        let outcome = outcomes.next().await.unwrap();
        if outcome.id == 0 {
            break outcome;
        }
    };
    until(&origin, |counts| counts.requests > 100).await;
    drop(canceller);
    let Body::Unread(body) = &mut first.result.as_mut().unwrap().body else { panic!("not unread") };
    let end = async { while body.next().await.is_some_and(|piece| piece.is_ok()) {} };
    tokio::time::timeout(Duration::from_secs(10), end).await.expect("the body ends with its batch");
    while outcomes.next().await.is_some() {}
}
