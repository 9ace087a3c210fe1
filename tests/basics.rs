//! Requests are sent as the caller wrote them, and responses are returned as the origin sent them.

use crate::support::{builder, by_id, cause, harness, origin, requests, run, run_one, status, text};
use fantail::{BodyMode, Cause, End, Order, Policy};
use fantail_engine::Request;
use futures::StreamExt;
use std::time::Duration;

#[tokio::test]
async fn a_thousand_mixed_requests_have_a_thousand_outcomes() {
    let origin = origin().await;
    let paths = ["/ok", "/status/404", "/bytes/5000", "/delay/5", "/close", "/chunked/3000", "/reset", "/short"];
    let urls = (0..1000).map(|id| origin.url(paths[id % paths.len()]));
    let (outcomes, report) = run(&harness(), requests(urls), &Policy::default()).await;
    for outcome in by_id(outcomes) {
        let (statuses, causes) = (status(&outcome), cause(&outcome));
        match paths[outcome.id as usize % paths.len()] {
            "/status/404" => assert_eq!(statuses, Some(404)),
            "/close" | "/reset" => assert_eq!(causes, Some(Cause::ConnectionTerminated)),
            "/short" => assert_eq!(causes, Some(Cause::HttpResponseIncomplete)),
            "/bytes/5000" => assert_eq!(text(&outcome).len(), 5000),
            "/chunked/3000" => assert_eq!(text(&outcome).len(), 3000),
            _ => assert_eq!(text(&outcome), "hello world"),
        }
    }
    let summary = &report.summary;
    assert_eq!((summary.requests, summary.responses, summary.failures), (1000, 625, 375));
    assert!(summary.peak_in_flight <= 64 && summary.input_ended);
}

#[tokio::test]
async fn the_harness_and_the_component_agree_on_the_summary() {
    let origin = origin().await;
    let urls = (0..200).map(|id| origin.url(["/ok", "/status/500", "/close", "/bytes/10"][id % 4]));
    let (_, report) = run(&harness(), requests(urls), &Policy::default()).await;
    let End::Finished(Some(component)) = report.end else { panic!("{:?}", report.end) };
    let mut counted = report.summary;
    // The two measure these on different clocks.
    (counted.latency, counted.elapsed) = (component.latency, component.elapsed);
    assert_eq!(counted, *component);
}

#[tokio::test]
async fn outcomes_arrive_in_input_order_when_the_policy_says_so() {
    let origin = origin().await;
    let urls = (0..100).map(|id| origin.url(if id % 10 == 0 { "/delay/20" } else { "/ok" }));
    let policy = Policy { order: Some(Order::Input), ..Policy::default() };
    let (outcomes, _) = run(&harness(), requests(urls), &policy).await;
    assert!(outcomes.iter().map(|outcome| outcome.id).eq(0..100));
}

#[tokio::test]
async fn a_request_arrives_as_it_was_written() {
    let origin = origin().await;
    let request = Request {
        method: "POST".to_owned(),
        headers: vec![("X-One".to_owned(), b"1".to_vec()), ("x-two".to_owned(), "zwei ü".into())],
        body: Some("grüße".into()),
        ..Request::get(7, origin.url("/echo?a=b%20c"))
    };
    let outcome = run_one(&harness(), request, &Policy::default()).await;
    let echo = text(&outcome);
    assert!(echo.starts_with("POST /echo?a=b%20c HTTP/1.1\r\n"), "{echo}");
    assert!(echo.ends_with("\r\n\r\ngrüße"), "{echo}");
    for line in ["x-one: 1", "x-two: zwei ü", "content-length: 7", &format!("host: {}", origin.address())] {
        assert!(echo.lines().any(|other| other.eq_ignore_ascii_case(line)), "{line} in {echo}");
    }
    assert_eq!((outcome.id, outcome.attempts), (7, 1));
}

#[tokio::test]
async fn requests_without_a_body_are_framed_as_empty() {
    let origin = origin().await;
    for (method, length) in [("GET", false), ("POST", true), ("DELETE", true), ("PURGE", true)] {
        let request = Request { method: method.to_owned(), ..Request::get(0, origin.url("/echo")) };
        let echo = text(&run_one(&harness(), request, &Policy::default()).await).to_owned();
        assert!(!echo.contains("chunked"), "{echo}");
        assert_eq!(echo.contains("content-length: 0"), length, "{echo}");
    }
}

#[tokio::test]
async fn a_one_megabyte_body_is_intact_in_both_directions() {
    let origin = origin().await;
    let body: Vec<u8> = (0..1_000_000_u32).map(|n| b'a' + (n % 23) as u8).collect();
    let policy = Policy { max_body: Some(2 << 20), ..Policy::default() };
    let request =
        Request { method: "PUT".to_owned(), body: Some(body.clone()), ..Request::get(0, origin.url("/echo")) };
    let outcome = run_one(&harness(), request, &policy).await;
    assert!(text(&outcome).as_bytes().ends_with(&body));
}

#[tokio::test]
async fn bodiless_responses_have_no_body_whatever_their_content_length() {
    let origin = origin().await;
    let head = Request { method: "HEAD".to_owned(), ..Request::get(0, origin.url("/bytes/2000000")) };
    assert_eq!(text(&run_one(&harness(), head, &Policy::default()).await), "");
    let empty = Request::get(0, origin.url("/status/204"));
    assert_eq!(text(&run_one(&harness(), empty, &Policy::default()).await), "");
}

#[tokio::test]
async fn short_discarded_bodies_leave_their_connection_reusable() {
    let origin = origin().await;
    let policy = Policy { body: Some(BodyMode::Discard), concurrency: Some(1), ..Policy::default() };
    let urls = (0..20).map(|_| origin.url("/bytes/20000"));
    run(&harness(), requests(urls), &policy).await;
    assert_eq!(origin.counts().connections, 1);
    let (outcomes, _) = run(&harness(), requests([origin.url("/endless")]), &policy).await;
    assert_eq!(status(&outcomes[0]), Some(200));
}

#[tokio::test]
async fn connections_are_reused_after_bodies_of_every_framing() {
    for path in ["/bytes/100", "/bytes/100000", "/chunked/100", "/chunked/100000", "/status/204"] {
        let origin = origin().await;
        let policy = Policy { concurrency: Some(1), ..Policy::default() };
        run(&harness(), requests((0..10).map(|_| origin.url(path))), &policy).await;
        assert_eq!(origin.counts().connections, 1, "{path}");
    }
}

#[tokio::test]
async fn connections_are_reused_across_batches() {
    let (origin, harness) = (origin().await, harness());
    for _ in 0..3 {
        run(
            &harness,
            requests((0..50).map(|_| origin.url("/ok"))),
            &Policy { concurrency: Some(5), ..Policy::default() },
        )
        .await;
    }
    assert!(origin.counts().connections <= 5, "{:?}", origin.counts());
    assert_eq!(harness.connections().reused, 150 - origin.counts().connections as u64);
}

#[tokio::test]
async fn a_batch_beyond_the_limit_waits_until_another_ends() {
    let (origin, policy) = (origin().await, Policy::default());
    let harness = builder().batches(1).build().unwrap();
    let hanging = harness.fetch(requests([origin.url("/hang")]), &policy).await.unwrap();
    let mut second = Box::pin(harness.fetch(requests([origin.url("/ok")]), &policy));
    let waited = tokio::time::timeout(Duration::from_millis(100), &mut second).await;
    assert!(waited.is_err(), "the only place is taken");
    drop(hanging);
    assert_eq!(second.await.unwrap().count().await, 1);
}
