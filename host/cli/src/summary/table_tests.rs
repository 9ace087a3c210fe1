use super::*;
use crate::sink::Observe;
use crate::store::Stored;
use crate::summary::Details;
use fantail::{End, Failure, Policy, Receipt, StatusCounts, Summary, Timing};
use fantail_wire::{Body, Outcome, Response};
use std::time::Duration;

fn receipt() -> Receipt {
    Receipt {
        instances: 1,
        memory: 3 << 20,
        busy: Duration::from_millis(250),
        host_calls: 7_500,
        opened: 64,
        reused: 1_136,
        received: 2 << 20,
        sent: 300 << 10,
        elapsed: Duration::from_millis(2_500),
    }
}

fn outcome(url: &str, millis: u64, result: Result<u16, Cause>) -> Stored {
    let result = match result {
        Ok(status) => Ok(Response { status, headers: Vec::new(), body: Body::Absent }),
        Err(cause) => Err(Failure::new(cause, true)),
    };
    let span = Duration::from_millis(millis);
    let timing = Timing { queued: span / 2, head: Some(span / 4), body: None, total: span };
    let outcome =
        Outcome { id: 0, url: url.to_owned(), attempts: 1, hops: Vec::new(), timing, last_attempt: None, result };
    Stored { outcome, context: fantail_wire::Context::default(), bytes: 0 }
}

/// The table of these outcomes under this policy.
fn table_of(outcomes: &[Stored], policy: &Policy, input_ended: bool) -> String {
    let mut details = Details::default();
    details.observe(outcomes);
    let mut summary =
        Summary { elapsed: Duration::from_millis(2_500), input_ended, peak_in_flight: 64, ..Summary::default() };
    for stored in outcomes {
        summary.requests += 1;
        match &stored.outcome.result {
            Ok(_) => summary.responses += 1,
            Err(failure) => {
                summary.failures += 1;
                *summary.by_cause.entry(failure.cause).or_default() += 1;
            }
        }
    }
    summary.by_status = StatusCounts::default();
    let end = End::Finished(Some(Box::new(summary.clone())));
    let (receipt, settings) = (receipt(), policy.resolve().unwrap());
    table(&Run { summary: &summary, details: &details, receipt: &receipt, end: &end, settings: &settings })
}

#[test]
fn a_table_omits_rows_without_content() {
    let lines = table_of(&[outcome("http://a.test/", 0, Ok(200))], &Policy::default(), true);
    assert_eq!(
        lines.lines().collect::<Vec<_>>(),
        [
            "requests     1 in 2.50 s (0/s)",
            "responses    1 (200 1)",
            "failures     0",
            "queued       p50 0.00 µs  p90 0.00 µs  p99 0.00 µs  p99.9 0.00 µs  max 0.00 µs",
            "to head      p50 0.00 µs  p90 0.00 µs  p99 0.00 µs  p99.9 0.00 µs  max 0.00 µs",
            "total        p50 0.00 µs  p90 0.00 µs  p99 0.00 µs  p99.9 0.00 µs  max 0.00 µs",
            "in flight    64 at most",
            "body bytes   0",
            "connections  64 opened, used again 1,136 times",
            "network      2.00 MiB in, 300.00 KiB out",
            "component    3.00 MiB of memory, busy 250 ms, 7,500 host calls",
        ]
    );
}

#[test]
fn origins_causes_and_limits_are_told_apart() {
    let mut outcomes: Vec<Stored> = (0..1_200).map(|_| outcome("http://a.test/x", 10, Ok(200))).collect();
    outcomes.extend((0..30).map(|_| outcome("http://b.test/y", 40, Ok(503))));
    outcomes.extend((0..5).map(|_| outcome("http://c.test/", 1, Err(Cause::ConnectionRefused))));
    outcomes.extend((0..20).map(|_| outcome("http://c.test/", 0, Err(Cause::BreakerOpen))));
    let policy = Policy { retries: Some(2), breaker_percent: Some(50), ..Policy::default() };
    let table = table_of(&outcomes, &policy, false);
    for row in [
        "requests     1,255 in 2.50 s (502/s)",
        "responses    1,230 (200 1,200, 503 30)",
        "failures     25 (breaker-open 20, connection-refused 5)",
        "origins      http://c.test  25 requests, 25 failed, mean 200 µs, max 1.00 ms",
        "             http://b.test  30 requests, 30 of status 4xx or 5xx, mean 40.0 ms, max 40.0 ms",
        "             http://a.test  1,200 requests, mean 10.0 ms, max 10.0 ms",
        "hints        breaker-open: The origin failed too often",
        "             connection-refused: Check host and port",
        "concurrency  all 64 slots were taken (-c); half of the requests waited 5.",
        "retry budget 35 requests were not repeated 2 times: the budget of their origin was used up (20 % and 10/s",
        "breaker      open, so that 20 requests were not sent: http://c.test 20",
        "note         stopped before the end of the input",
    ] {
        assert!(table.contains(row), "{row} in\n{table}");
    }
}

#[test]
fn of_many_origins_the_ten_that_fail_most_and_the_ten_slowest_are_listed() {
    let url = |number: u64| format!("http://{number}.test/");
    let mut outcomes: Vec<Stored> = (10..40).map(|number| outcome(&url(number), number, Ok(200))).collect();
    outcomes.push(outcome(&url(12), 1, Err(Cause::DnsError)));
    let table = table_of(&outcomes, &Policy::default(), true);
    for row in
        ["failing      http://12.test  2 requests, 1 failed", "slowest      http://39.test  1 request, mean 39.0 ms"]
    {
        assert!(table.contains(row), "{row} in\n{table}");
    }
    assert!(table.contains("http://30.test  ") && !table.contains("http://29.test  "), "{table}");
}
