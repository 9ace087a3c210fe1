//! Does the work of some requests in one layer, without a network, for a tool that counts instructions: `cargo xtask bench --check`.
//! `instructions engine|rules|wire|shell <requests>`

#![allow(clippy::expect_used, clippy::panic, reason = "an example")]

mod mock;

use dlmalloc::GlobalDlmalloc;
use fantail_engine::{Action, Engine, Event, Hedge, Instant, Origins, Policy, Request};
use fantail_shell::Batch;
use futures::executor::block_on;
use futures::future::{join, poll_fn};
use mock::Mock;
use std::collections::VecDeque;
use std::hint::black_box;

/// The allocator of the component: another one would be counted with it.
#[global_allocator]
static ALLOCATOR: GlobalDlmalloc = GlobalDlmalloc;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let layer = arguments.next().expect("a layer");
    let requests = arguments.next().and_then(|number| number.parse().ok()).expect("a number of requests");
    match layer.as_str() {
        "engine" => engine(requests, &policy()),
        "rules" => engine(requests, &with_rules()),
        "wire" => wire(requests),
        "shell" => shell(requests),
        other => panic!("no layer is called {other}"),
    }
}

fn policy() -> Policy {
    Policy { concurrency: Some(64), host_facts: Some(true), ..Policy::default() }
}

/// With every rule that decides about each request.
fn with_rules() -> Policy {
    Policy {
        retries: Some(2),
        hedge: Some(Hedge::Auto),
        rate: Some(100_000),
        burst: Some(100_000),
        per_origin_floor: Some(32),
        breaker_percent: Some(50),
        ..policy()
    }
}

fn request(id: u64) -> Request {
    Request::get(id, format!("http://origin{}.test/item/{id}", id % 4))
}

/// The engine alone: each attempt has a head and an end, one event after the other.
fn engine(count: u64, policy: &Policy) {
    let mut engine: Engine<()> = Engine::new(policy).expect("a good policy");
    let (mut origins, mut events) = (Origins::default(), VecDeque::from([Event::Demand]));
    let (mut read, mut emitted, mut now) = (0, 0, 0);
    loop {
        while let Some(action) = engine.next_action() {
            match action {
                Action::Read(wanted) => {
                    let last = count.min(read + wanted as u64);
                    let requests = (read..last).map(request).collect();
                    read = last;
                    events.push_back(Event::Read { requests, ended: read == count });
                }
                Action::CloseInput => events.push_back(Event::Read { requests: Vec::new(), ended: true }),
                Action::Start { attempt, .. } => {
                    let (status, facts) = (200, None);
                    events.push_back(Event::Head { attempt, status, retry_after: None, location: None, facts });
                    events.push_back(Event::Ended { attempt, response: (), body_bytes: 11 });
                }
                Action::Emit(outcome) => {
                    emitted += 1;
                    black_box(outcome);
                    events.push_back(Event::Taken(1));
                }
                Action::Finish(_) => {
                    assert_eq!(emitted, count, "each request has its outcome");
                    return;
                }
                Action::Cancel(_) | Action::Grant(_) => {}
            }
        }
        // Slowly enough for the rate of the rules.
        now += 10_000;
        let event = events.pop_front().unwrap_or(Event::Timer);
        engine.handle(Instant::from_nanos(now), event, &mut origins);
    }
}

/// A line of input to a request, and an outcome to a line of output.
fn wire(count: u64) {
    let outcome = fantail_wire::outcome_from_json(OUTCOME).expect("one of our lines");
    let mut out = Vec::new();
    for number in 0..count {
        let line =
            format!(r#"{{"id":{number},"url":"http://origin.test/item/{number}","headers":{{"accept":"*/*"}}}}"#);
        black_box(fantail_wire::request_from_line(&line, number).expect("a request"));
        out.clear();
        fantail_wire::write_outcome(outcome.clone(), &mut out);
        black_box(&out);
    }
}

const OUTCOME: &str = r#"{"id":7,"method":"GET","url":"http://origin.test/item/7","attempts":1,"status":200,
"headers":{"content-length":"11","content-type":"text/plain"},"body":"hello world",
"timing":{"queued_us":3,"head_us":800,"body_us":12,"total_us":815}}"#;

/// The shell with its engine, over a network that answers at once.
fn shell(count: u64) {
    assert_eq!(block_on(fetch(count)), count, "each request has its outcome");
}

/// Runs a batch, and returns how many outcomes there were.
async fn fetch(count: u64) -> u64 {
    let (mut batch, caller) = Batch::<Mock>::new(Engine::new(&policy()).expect("a good policy"));
    caller.keep_open();
    let (mut pushed, mut taken) = (0, 0);
    let calling = async {
        loop {
            let last = count.min(pushed + u64::from(caller.room()));
            if last > pushed {
                let requests: Vec<Request> = (pushed..last).map(request).collect();
                caller.push(requests.into_iter()).expect("there is room");
                pushed = last;
                if pushed == count {
                    caller.finish();
                }
            }
            match poll_fn(|cx| caller.poll_take(u32::MAX, cx)).await {
                Some(outcomes) => taken += black_box(outcomes).len() as u64,
                None => return,
            }
        }
    };
    join(batch.run(), calling).await;
    taken
}
