//! Deadlines, early stops and cancellation: every request that was read has its outcome immediately, and its connection closes.

use crate::support::{by_id, cause, endless, failure, harness, origin, requests, run, until};
use fantail::{Cause, End, Phase, Policy, Until};
use fantail_engine::{Request, RequestOptions};
use futures::StreamExt;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, Instant};

const MS: Duration = Duration::from_millis(1);

#[tokio::test]
async fn the_deadline_ends_hanging_requests() {
    let origin = origin().await;
    let policy = Policy { deadline: Some(300 * MS), concurrency: Some(10), window: Some(20), ..Policy::default() };
    let urls = (0..15).map(|id| origin.url(if id < 5 { "/ok" } else { "/hang" }));
    let harness = harness();
    let start = Instant::now();
    let (outcomes, report) = run(&harness, requests(urls), &policy).await;
    let took = start.elapsed();
    assert!((300 * MS..3_000 * MS).contains(&took), "{took:?}");
    let outcomes = by_id(outcomes);
    assert_eq!(outcomes.iter().filter(|outcome| cause(outcome) == Some(Cause::Deadline)).count(), 10);
    assert_eq!(report.summary.requests, 15);
    until(&origin, |counts| counts.in_flight == 0).await;
}

#[tokio::test]
async fn a_deadline_ends_an_endless_input() {
    let origin = origin().await;
    let policy = Policy { deadline: Some(200 * MS), ..Policy::default() };
    let (outcomes, report) = run(&harness(), endless(origin.url("/ok")), &policy).await;
    assert_eq!(outcomes.len() as u64, report.summary.requests);
    assert!(!report.summary.input_ended);
}

#[tokio::test]
async fn x5_a_request_may_have_a_timeout_of_its_own() {
    let origin = origin().await;
    let timeout = |timeout| RequestOptions { timeout: Some(timeout), ..RequestOptions::default() };
    let batch = [
        Request { options: timeout(50 * MS), ..Request::get(0, origin.url("/hang")) },
        Request { options: timeout(Duration::ZERO), ..Request::get(1, origin.url("/ok")) },
        Request::get(2, origin.url("/delay/200")),
    ];
    let (outcomes, _) = run(&harness(), futures::stream::iter(batch), &Policy::default()).await;
    let outcomes = by_id(outcomes);
    assert_eq!(failure(&outcomes[0]).phase, Phase::Head);
    assert!((50 * MS..3_000 * MS).contains(&outcomes[0].timing.total), "{:?}", outcomes[0].timing);
    assert_eq!((cause(&outcomes[1]), outcomes[1].attempts), (Some(Cause::TimeoutTotal), 0));
    assert!(outcomes[2].result.is_ok());
    assert_eq!(origin.counts().requests, 2);
}

#[tokio::test]
async fn reaching_the_wanted_successes_cancels_the_rest() {
    let origin = origin().await;
    let policy = Policy { until: Some(Until::Successes(3)), ..Policy::default() };
    let urls = ["/hang", "/ok", "/status/503", "/ok", "/hang", "/delay/50"].map(|path| origin.url(path));
    let (outcomes, report) = run(&harness(), requests(urls), &policy).await;
    let cancelled: Vec<u64> =
        by_id(outcomes).iter().filter(|o| cause(o) == Some(Cause::Cancelled)).map(|o| o.id).collect();
    assert_eq!(cancelled, [0, 4]);
    assert_eq!(report.summary.responses, 4);
    until(&origin, |counts| counts.in_flight == 0).await;
}

#[tokio::test]
async fn the_first_failure_stops_the_rest_of_an_endless_input() {
    let origin = origin().await;
    let url = origin.url("");
    let input = futures::stream::iter(
        (0..).map(move |id| Request::get(id, format!("{url}/{}", if id == 100 { "status/500" } else { "ok" }))),
    );
    let policy = Policy { until: Some(Until::FirstFailure), ..Policy::default() };
    let (outcomes, report) = run(&harness(), input, &policy).await;
    assert_eq!(by_id(outcomes).len() as u64, report.summary.requests);
    assert!(!report.summary.input_ended);
}

#[tokio::test]
async fn a_cancelled_batch_accounts_for_everything_it_read() {
    let origin = origin().await;
    let urls = (0..30).map(|id| origin.url(if id < 10 { "/ok" } else { "/hang" })).collect::<Vec<_>>();
    let mut outcomes = harness().fetch(requests(urls), &Policy::default()).await.unwrap();
    let canceller = outcomes.canceller();
    let mut all = Vec::new();
    while all.len() < 10 {
        all.push(outcomes.next().await.unwrap());
    }
    drop(canceller);
    while let Some(outcome) = outcomes.next().await {
        all.push(outcome);
    }
    let outcomes_by_id = by_id(all);
    assert_eq!(outcomes_by_id.iter().filter(|outcome| cause(outcome) == Some(Cause::Cancelled)).count(), 20);
    let report = outcomes.report().await;
    // The report includes what only the component knows.
    assert!(matches!(report.end, End::Cancelled(Some(_))), "{:?}", report.end);
    assert_eq!((report.summary.attempts, report.summary.peak_in_flight, report.summary.body_bytes), (30, 30, 110));
    assert_eq!((report.summary.requests, report.summary.responses, report.summary.failures), (30, 10, 20));
    until(&origin, |counts| counts.in_flight == 0 && counts.open == 0).await;
}

#[tokio::test]
async fn a_policy_out_of_bounds_is_refused_before_anything_is_read() {
    let origin = origin().await;
    for (policy, field) in [
        (Policy { concurrency: Some(0), ..Policy::default() }, "concurrency"),
        (Policy { head_timeout: Some(Duration::ZERO), ..Policy::default() }, "head_timeout"),
        (Policy { max_body: Some(1 << 40), ..Policy::default() }, "max_body"),
        (Policy { until: Some(Until::Successes(0)), ..Policy::default() }, "until"),
    ] {
        let refused = harness().fetch(endless(origin.url("/ok")), &policy).await.unwrap_err();
        assert_eq!(refused.field, field);
    }
    assert_eq!(origin.counts().connections, 0);
}

/// The input gives the second request at the moment at which the batch is cancelled.
#[tokio::test]
async fn a_request_that_is_read_as_the_batch_is_cancelled_has_an_outcome() {
    let origin = origin().await;
    let (hang, cancel) = (origin.url("/hang"), Arc::new(Mutex::new(None)));
    let (mut given, canceller) = (0, Arc::clone(&cancel));
    let input = futures::stream::poll_fn(move |cx| {
        given += 1;
        match given {
            1 => Poll::Ready(Some(Request::get(0, hang.as_str()))),
            // Until the first is in flight.
            _ if origin.counts().in_flight == 0 => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            _ => {
                drop(canceller.lock().unwrap().take());
                Poll::Ready(Some(Request::get(1, hang.as_str())))
            }
        }
    });
    let mut outcomes = harness().fetch(input.take(2), &Policy::default()).await.unwrap();
    *cancel.lock().unwrap() = outcomes.canceller();
    let rest = by_id((&mut outcomes).collect().await);
    let causes: Vec<_> = rest.iter().map(|outcome| (outcome.id, failure(outcome).cause)).collect();
    assert_eq!(causes, [(0, Cause::Cancelled), (1, Cause::Cancelled)]);
    assert_eq!(outcomes.report().await.summary.requests, 2);
}

#[tokio::test]
async fn outcomes_not_yet_taken_at_cancellation_are_still_delivered() {
    let origin = origin().await;
    let policy = Policy { concurrency: Some(100), window: Some(1_000), ..Policy::default() };
    let urls: Vec<String> = (0..500).map(|_| origin.url("/ok")).collect();
    let mut outcomes = harness().fetch(requests(urls), &policy).await.unwrap();
    let canceller = outcomes.canceller();
    let mut all = vec![outcomes.next().await.unwrap()];
    until(&origin, |counts| counts.requests == 500 && counts.in_flight == 0).await;
    drop(canceller);
    while let Some(outcome) = outcomes.next().await {
        all.push(outcome);
    }
    let report = outcomes.report().await;
    assert_eq!((by_id(all).len() as u64, report.summary.requests), (500, 500));
}
