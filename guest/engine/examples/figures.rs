//! Figures of the engine alone, on a clock of its own: how many more requests retries make, what hedging saves and costs, and
//! what an event costs.
//! `cargo run --release --package fantail-engine --example figures`

#![allow(clippy::expect_used, clippy::print_stdout, reason = "an example")]

use fantail_engine::{Action, AttemptId, Cause, Engine, Event, Hedge, Instant, Latency, Origins, Policy, Request};
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

fn main() {
    println!("retry amplification, 2 retries, 20 % and 10/s, 10,000 requests to one origin in 10 s");
    for percent in [1, 10, 100] {
        let requests = 10_000;
        let policy = Policy { retries: Some(2), ..policy(100) };
        let sent = run(policy, requests, 1, |_| Duration::from_millis(100), |attempt| attempt % 100 < percent).attempts;
        println!("  {percent:>3} % of attempts fail: {:.3} x", sent as f64 / requests as f64);
    }
    println!("hedging after 20 ms, where 2 % of answers take 500 ms and the others 10 ms, 50,000 requests");
    for hedge in [None, Some(Hedge::After(Duration::from_millis(20)))] {
        let requests = 50_000;
        // More slots than requests: there is always one for a second attempt.
        let policy = Policy { hedge, window: Some(100), ..policy(200) };
        let each = |attempt: u64| Duration::from_millis(if spread(attempt) < 20 { 500 } else { 10 });
        let done = run(policy, requests, 1, each, |_| false);
        let (latency, more) = (done.latency, done.attempts as f64 / requests as f64);
        let name = if hedge.is_some() { "with" } else { "without" };
        println!(
            "  {name:>8}: p50 {:.0} ms, p90 {:.0} ms, p99 {:.0} ms, {more:.3} x",
            millis(latency.p50),
            millis(latency.p90),
            millis(latency.p99)
        );
    }
    println!("time per event");
    for in_flight in [64, 512, 4_096] {
        let done = run(policy(in_flight), 2_000_000, 4, |_| Duration::from_millis(1), |_| false);
        let each = done.took.as_secs_f64() * 1e9 / done.events as f64;
        println!("  {in_flight:>5} in flight: {each:.0} ns");
    }
}

fn policy(concurrency: u32) -> Policy {
    Policy { concurrency: Some(concurrency), timeout: Some(Duration::from_secs(3_600)), ..Policy::default() }
}

struct Done {
    attempts: u64,
    events: u64,
    took: Duration,
    latency: Latency,
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

/// A number below 1,000 that is spread over the attempts.
fn spread(attempt: u64) -> u64 {
    attempt.wrapping_mul(0x9E37_79B9_7F4A_7C15) % 1_000_003 % 1_000
}

/// Sends so many requests to so many origins, each attempt taking as long, and failing as `fails` says of its number.
fn run(
    policy: Policy,
    requests: u64,
    origins_asked: u64,
    each: impl Fn(u64) -> Duration,
    fails: impl Fn(u64) -> bool,
) -> Done {
    let mut engine: Engine<()> = Engine::new(&policy).expect("within bounds");
    let mut origins = Origins::default();
    let mut now = Instant::from_nanos(0);
    let mut running: BTreeSet<(Instant, AttemptId)> = BTreeSet::new();
    let (mut read, mut attempts, mut events, mut ended) = (0, 0, 0, 0);
    let mut pending = VecDeque::from([Event::Demand]);
    let start = std::time::Instant::now();
    loop {
        while let Some(event) = pending.pop_front() {
            events += 1;
            engine.handle(now, event, &mut origins);
            while let Some(action) = engine.next_action() {
                match action {
                    Action::Read(room) => {
                        let more = u64::from(room).min(requests - read);
                        let url = |id| format!("http://origin-{}.test/", id % origins_asked);
                        let requests_read = (read..read + more).map(|id| Request::get(id, url(id))).collect();
                        read += more;
                        pending.push_back(Event::Read { requests: requests_read, ended: read == requests });
                    }
                    Action::Start { attempt, .. } => {
                        attempts += 1;
                        running.insert((now + each(attempts), attempt));
                    }
                    Action::Emit(_) => pending.push_back(Event::Taken(1)),
                    Action::Finish(summary) => {
                        return Done { attempts, events, took: start.elapsed(), latency: summary.latency };
                    }
                    Action::Cancel(attempt) => running.retain(|(_, other)| *other != attempt),
                    Action::CloseInput => {}
                }
            }
        }
        let next = running.first().map(|(at, _)| *at);
        let timer = engine.next_timer();
        now = now.max(next.into_iter().chain(timer).min().expect("something will happen"));
        while let Some((_, attempt)) = running.first().copied().filter(|(at, _)| *at <= now) {
            running.pop_first();
            ended += 1;
            if fails(ended) {
                pending.push_back(Event::Failed { attempt, cause: Cause::ConnectionRefused, detail: None });
            } else {
                pending.push_back(Event::Head { attempt, status: 200, retry_after: None, location: None });
                pending.push_back(Event::Ended { attempt, response: (), body_bytes: 0 });
            }
        }
        pending.push_back(Event::Timer);
    }
}
