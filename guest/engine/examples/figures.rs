//! Figures of the engine alone, on a clock of its own: how many more requests retries make, and what an event costs.
//! `cargo run --release --package fantail-engine --example figures`

#![allow(clippy::expect_used, clippy::print_stdout, reason = "an example")]

use fantail_engine::{Action, AttemptId, Cause, Engine, Event, Instant, Origins, Policy, Request};
use std::collections::VecDeque;
use std::time::Duration;

fn main() {
    println!("retry amplification, 2 retries, 20 % and 10/s, 10,000 requests to one origin in 10 s");
    for percent in [1, 10, 100] {
        let requests = 10_000;
        let policy = Policy { retries: Some(2), ..policy(100) };
        let sent = run(policy, requests, 1, Duration::from_millis(100), |attempt| attempt % 100 < percent).attempts;
        println!("  {percent:>3} % of attempts fail: {:.3} x", sent as f64 / requests as f64);
    }
    println!("time per event");
    for in_flight in [64, 512, 4_096] {
        let done = run(policy(in_flight), 2_000_000, 4, Duration::from_millis(1), |_| false);
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
}

/// Sends so many requests to so many origins, each attempt taking as long, and failing as `fails` says of its number.
fn run(policy: Policy, requests: u64, origins_asked: u64, each: Duration, fails: impl Fn(u64) -> bool) -> Done {
    let mut engine: Engine<()> = Engine::new(&policy).expect("within bounds");
    let mut origins = Origins::default();
    let mut now = Instant::from_nanos(0);
    let mut running: VecDeque<(Instant, AttemptId)> = VecDeque::new();
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
                        running.push_back((now + each, attempt));
                    }
                    Action::Emit(_) => pending.push_back(Event::Taken(1)),
                    Action::Finish(_) => return Done { attempts, events, took: start.elapsed() },
                    Action::Cancel(_) | Action::CloseInput => {}
                }
            }
        }
        let next = running.front().map(|(at, _)| *at);
        let timer = engine.next_timer();
        now = now.max(next.into_iter().chain(timer).min().expect("something will happen"));
        while let Some((_, attempt)) = running.pop_front_if(|(at, _)| *at <= now) {
            ended += 1;
            pending.push_back(match fails(ended) {
                true => Event::Failed { attempt, cause: Cause::ConnectionRefused, detail: None },
                false => Event::Ended { attempt, response: (), body_bytes: 0 },
            });
        }
        pending.push_back(Event::Timer);
    }
}
