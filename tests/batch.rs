//! The resource `batch`, called as any host would call it, over either version of WASI.

use crate::callers::Caller;
use crate::support::{root, wasi};
use fantail::{BodyMode, Cause, Policy, Until, Wasi};
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);

#[test]
fn the_two_interfaces_agree_wherever_they_can() {
    let read = |package: &str| std::fs::read_to_string(root().join("wit").join(package).join("fetch.wit")).unwrap();
    let (p3, p2) = (read("fetch"), read("fetch-p2"));
    let between = |text: &str, from: &str, to: &str| {
        let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("no {from}"));
        rest.split_once(to).unwrap_or_else(|| panic!("no {to}")).0.to_owned()
    };
    // Every type with its documentation, except the unread body.
    let types = |text: &str| between(text, "  /// A field name and its value.", "  /// Mode `unread`.");
    assert_eq!(types(&p2), types(&p3));
    // Every function, whether async or not.
    let functions = |text: &str| {
        let text = between(text, "  resource batch {", "world\n").replace("async func", "func");
        let functions = text.lines().filter(|line| line.contains("func(")).map(|line| line.trim().to_owned());
        functions.collect::<Vec<_>>()
    };
    let functions = |text: &str| functions(&(text.to_owned() + "world\n"));
    // Only over WASI 0.3 may another task push; only over WASI 0.2 does the caller wait for something else as well.
    let without = |text: &str, own: &str| {
        let (own, rest): (Vec<_>, Vec<_>) = functions(text).into_iter().partition(|function| function.starts_with(own));
        assert_eq!(own.len(), 1);
        rest
    };
    assert_eq!(without(&p2, "next-or:"), without(&p3, "keep-open:"));
}

#[tokio::test]
async fn nothing_is_sent_before_the_first_next() {
    let mut caller = Caller::start(&Policy::default()).await;
    assert!(caller.push(&["/ok", "/ok"]).await);
    tokio::time::sleep(20 * MS).await;
    assert_eq!((caller.host.requests_sent(), caller.summary().await), (0, None));
    assert!(!caller.next(10).await.unwrap().is_empty());
    assert_eq!(caller.host.requests_sent(), 2);
}

#[tokio::test]
async fn requests_beyond_the_window_are_accepted_and_wait() {
    let policy = Policy { window: Some(2), concurrency: Some(2), ..Policy::default() };
    let mut caller = Caller::start(&policy).await;
    assert_eq!(caller.room().await, 2);
    assert!(caller.push(&["/hang", "/hang", "/ok"]).await);
    caller.finish().await;
    assert!(!caller.push(&["/ok"]).await, "after finish");
    assert_eq!(caller.room().await, 0);
    let next = tokio::time::timeout(50 * MS, caller.next(1));
    assert!(next.await.is_err());
    assert_eq!(caller.host.requests_sent(), 2, "the third waits");
}

#[tokio::test]
async fn a_batch_ends_once_it_is_finished_and_every_outcome_is_taken() {
    let mut caller = Caller::start(&Policy::default()).await;
    assert!(caller.push(&["/ok", "/fail", "/ok"]).await);
    caller.finish().await;
    assert_eq!(caller.remaining().await.len(), 3);
    let summary = caller.summary().await.unwrap();
    assert_eq!((summary.requests, summary.responses, summary.input_ended), (3, 3, true));
    assert_eq!(caller.next(1).await, None, "and again for every later call");
}

#[tokio::test]
async fn a_batch_that_is_not_kept_open_ends_once_every_request_has_its_outcome() {
    let mut caller = Caller::start(&Policy::default()).await;
    assert!(caller.push(&["/ok", "/ok"]).await);
    assert_eq!(caller.remaining().await.len(), 2);
    assert!(caller.summary().await.unwrap().input_ended && !caller.push(&["/ok"]).await);
}

#[tokio::test]
async fn pushed_urls_become_gets_with_consecutive_ids() {
    let mut caller = Caller::start(&Policy::default()).await;
    assert!(caller.push(&["/ok"]).await && caller.push_urls(&["/ok", "/fail"]).await);
    let mut taken: Vec<_> = caller.remaining().await.into_iter().map(|outcome| (outcome.id, outcome.url)).collect();
    taken.sort();
    let url = |path: &str| format!("http://origin.test{path}");
    assert_eq!(taken, [(0, url("/ok")), (1, url("/ok")), (2, url("/fail"))]);
}

#[tokio::test]
async fn pushes_after_an_early_stop_are_refused() {
    let policy = Policy { until: Some(Until::Successes(1)), ..Policy::default() };
    let mut caller = Caller::start(&policy).await;
    assert!(caller.push(&["/ok", "/hang", "/hang"]).await);
    let outcomes = caller.remaining().await;
    assert_eq!(outcomes.len(), 3, "one for each request that was pushed before");
    assert!(!caller.push(&["/ok"]).await && caller.room().await == 0);
    let summary = caller.summary().await.unwrap();
    assert_eq!((summary.responses, summary.by_cause.get(&Cause::Cancelled), summary.input_ended), (1, Some(&2), false));
}

#[tokio::test]
async fn a_deadline_that_passes_between_calls_takes_effect_in_the_next_call() {
    let mut caller = Caller::start(&Policy { deadline: Some(50 * MS), ..Policy::default() }).await;
    assert!(caller.push(&["/hang", "/ok"]).await);
    assert_eq!(caller.next(1).await.unwrap()[0].id, 1);
    tokio::time::sleep(60 * MS).await;
    let outcome = caller.next(1).await.unwrap().remove(0);
    assert_eq!(outcome.result.unwrap_err().cause, Cause::Deadline);
    assert!(!caller.push(&["/ok"]).await);
    assert_eq!(caller.next(1).await, None);
}

#[tokio::test]
async fn a_cancelled_batch_has_its_summary_at_once() {
    let mut caller = Caller::start(&Policy::default()).await;
    assert!(caller.push(&["/hang", "/hang", "/ok"]).await);
    assert_eq!(caller.next(10).await.unwrap().len(), 1);
    caller.cancel().await;
    let start = Instant::now();
    assert_eq!((caller.next(10).await, caller.room().await), (None, 0));
    assert!(start.elapsed() < 1_000 * MS);
    let summary = caller.summary().await.unwrap();
    assert_eq!((summary.requests, summary.responses, summary.failures), (3, 1, 2));
    assert_eq!(summary.by_cause.get(&Cause::Cancelled), Some(&2), "{summary:?}");
}

/// Every request that was pushed has an outcome with its attempts.
#[tokio::test]
async fn a_stopped_batch_gives_every_remaining_outcome() {
    let mut caller = Caller::start(&Policy { concurrency: Some(1), window: Some(2), ..Policy::default() }).await;
    assert!(caller.push(&["/ok", "/hang", "/hang", "/hang"]).await);
    assert_eq!(caller.next(10).await.unwrap().len(), 1);
    caller.stop().await;
    assert!(!caller.push(&["/ok"]).await);
    let start = Instant::now();
    let remaining = caller.remaining().await;
    assert!(start.elapsed() < 1_000 * MS);
    let reported: Vec<_> =
        remaining.iter().map(|outcome| (outcome.id, outcome.attempts, outcome.result.is_err())).collect();
    assert_eq!(reported, [(1, 1, true), (2, 0, true), (3, 0, true)]);
    caller.stop().await;
    let summary = caller.summary().await.unwrap();
    assert_eq!((summary.requests, summary.attempts, summary.by_cause.get(&Cause::Cancelled)), (4, 2, Some(&3)));
    assert!(!summary.input_ended);
}

#[tokio::test]
async fn batches_in_one_instance_are_independent() {
    let mut caller = Caller::start(&Policy::default()).await;
    let (first, second) = (caller.batch, caller.start_batch(&Policy::default()).await);
    assert!(caller.push(&["/hang", "/ok", "/ok"]).await);
    assert!(!caller.next(1).await.unwrap().is_empty());
    caller.batch = Some(second);
    assert!(caller.push(&["/ok", "/fail"]).await);
    caller.finish().await;
    assert_eq!(caller.remaining().await.len(), 2);
    caller.batch = first;
    assert_eq!(caller.next(10).await.unwrap().len(), 1);
    second.resource_drop_async(&mut caller.host.store).await.unwrap();
    assert_eq!(caller.host.requests_sent(), 5);
}

#[tokio::test]
async fn a_max_body_beyond_what_one_call_can_pass_is_refused() {
    let maximum = 64 << 20;
    assert!(Policy { max_body: Some(maximum), ..Policy::default() }.resolve().is_ok());
    let refused = Policy { max_body: Some(maximum + 1), ..Policy::default() }.resolve().unwrap_err();
    assert_eq!(refused.field, "max_body");
}

#[tokio::test]
async fn unread_bodies_outlive_their_batch() {
    // tests/twin.rs covers WASI 0.2 in more detail.
    if wasi() == Wasi::P2 {
        return;
    }
    let mut caller = Caller::start(&Policy { body: Some(BodyMode::Unread), ..Policy::default() }).await;
    assert!(caller.push(&["/ok"]).await);
    caller.finish().await;
    // Dropped with their outcomes.
    assert_eq!(caller.remaining().await.len(), 1);
}
