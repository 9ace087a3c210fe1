//! Figures of the engine alone, on a simulated clock: how many more requests retries make, what hedging saves and
//! costs, what a rate achieves, and what an event costs.
//! `cargo run --release --package fantail-engine --example figures`

#![allow(clippy::expect_used, clippy::print_stdout, reason = "an example")]

use fantail_engine::{Action, AttemptId, Cause, Engine, Event, Failed, Hedge, Instant, Origins, Policy, Request};
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

fn main() {
    println!("retry amplification, 2 retries, 20 % and 10/s, 10,000 requests to one origin in 10 s");
    for percent in [1, 10, 100] {
        let requests = 10_000;
        let policy = Policy { retries: Some(2), ..policy(100) };
        let sent = run(policy, (1, requests, 1), |_, _| Duration::from_millis(100), |attempt| attempt % 100 < percent)
            .attempts;
        println!("  {percent:>3} % of attempts fail: {:.3} x", sent as f64 / requests as f64);
    }
    println!("hedging, where 2 % of answers take 500 ms and the others 10 ms, 50,000 requests");
    for (name, hedge) in
        [("never", None), ("20 ms", Some(Hedge::After(Duration::from_millis(20)))), ("auto", Some(Hedge::Auto))]
    {
        let requests = 50_000;
        // More slots than requests: there is always one for a second attempt.
        let policy = Policy { hedge, window: Some(100), ..policy(200) };
        let each = |attempt: u64, _| Duration::from_millis(if spread(attempt) < 20 { 500 } else { 10 });
        let done = run(policy, (1, requests, 1), each, |_| false);
        let more = done.attempts as f64 / requests as f64;
        println!("  {name:>6}: {}, {more:.3} x", percentiles(&done.took_each));
    }
    println!(
        "hedging in a batch that keeps 40 slots busy, where 2 % of answers take 1 s and the others 10 ms, 50,000 requests"
    );
    for (name, hedge) in
        [("never", None), ("40 ms", Some(Hedge::After(Duration::from_millis(40)))), ("auto", Some(Hedge::Auto))]
    {
        let requests = 50_000;
        let policy = Policy { hedge, window: Some(80), ..policy(40) };
        let each = |attempt: u64, _| Duration::from_millis(if spread(attempt) < 20 { 1_000 } else { 10 });
        let done = run(policy, (1, requests, 1), each, |_| false);
        let more = done.attempts as f64 / requests as f64;
        let seconds = done.elapsed.as_secs_f64();
        println!("  {name:>6}: {}, {more:.3} x, done in {seconds:.1} s", percentiles(&done.took_each));
    }
    println!("nine origins that take 10 ms, 5,000 requests each in turn; then with a tenth that never answers");
    for (name, origins, breaker) in [("alone", 9, None), ("beside", 10, None), ("with breaker", 10, Some(50))] {
        let policy = Policy {
            window: Some(1_000),
            per_origin: Some(10),
            attempt_timeout: Some(Duration::from_secs(1)),
            breaker_percent: breaker,
            ..policy(100)
        };
        let each = |_, origin| Duration::from_millis(if origin == 9 { 60_000 } else { 10 });
        let done = run(policy, (1, 5_000 * origins, origins), each, |_| false);
        println!(
            "  {name:>12}: the nine {}, all done in {:.1} s",
            percentiles(&done.took_each),
            done.elapsed.as_secs_f64()
        );
    }
    println!("attempts in 10 s at a rate, when timers ring at a whole millisecond and up to 8 more late");
    for rate in [100, 1_000, 5_000] {
        let on_time = sent_in_ten_seconds(rate, 0);
        println!("  {rate:>5} a second: {} late, {on_time} on the millisecond", sent_in_ten_seconds(rate, 8));
    }
    println!("time per event, in batches of 4,096 in flight at most");
    for (in_flight, batches) in [(64, 1), (4_096, 1), (65_536, 16)] {
        let each = |_, _| Duration::from_millis(1);
        let done = run(policy(in_flight / batches as u32), (batches, 2_000_000, 4), each, |_| false);
        let each = done.took.as_secs_f64() * 1e9 / done.events as f64;
        println!("  {in_flight:>6} in flight: {each:.0} ns");
    }
}

fn policy(concurrency: u32) -> Policy {
    Policy { concurrency: Some(concurrency), timeout: Some(Duration::from_secs(3_600)), ..Policy::default() }
}

struct Done {
    attempts: u64,
    events: u64,
    took: Duration,
    /// How long the requests with a response took.
    took_each: Vec<Duration>,
    /// By the engine's clock.
    elapsed: Duration,
}

fn percentiles(took: &[Duration]) -> String {
    let mut took = took.to_vec();
    took.sort_unstable();
    let at = |per_mille: usize| took.get(took.len() * per_mille / 1_000).map_or(0.0, |span| span.as_secs_f64() * 1e3);
    format!("p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms", at(500), at(990), at(999))
}

/// A number below 1,000 that is spread over the attempts.
fn spread(attempt: u64) -> u64 {
    attempt.wrapping_mul(0x9E37_79B9_7F4A_7C15) % 1_000_003 % 1_000
}

/// A batch, and until when its attempts are in flight.
struct Batch {
    engine: Engine<()>,
    running: BTreeSet<(Instant, AttemptId)>,
    pending: VecDeque<Event<()>>,
    read: u64,
    ended: bool,
}

/// Sends `requests` to `origins_asked` origins, in concurrent batches. Each attempt takes as long as `each` says for
/// its number and its origin, and fails if `fails` says so for its number.
fn run(
    policy: Policy,
    (batches, requests, origins_asked): (usize, u64, u64),
    each: impl Fn(u64, u64) -> Duration,
    fails: impl Fn(u64) -> bool,
) -> Done {
    let engine = || Engine::new(&policy).expect("within bounds");
    let batch = || Batch {
        engine: engine(),
        running: BTreeSet::new(),
        pending: VecDeque::from([Event::Demand]),
        read: 0,
        ended: false,
    };
    let mut batches: Vec<Batch> = (0..batches).map(|_| batch()).collect();
    let share = requests / batches.len() as u64;
    let mut origins = Origins::default();
    let (mut now, mut answered) = (Instant::from_nanos(0), 0);
    let (took, took_each, elapsed) = Default::default();
    let mut done = Done { attempts: 0, events: 0, took, took_each, elapsed };
    let start = std::time::Instant::now();
    while batches.iter().any(|batch| !batch.ended) {
        for batch in &mut batches {
            while let Some(event) = batch.pending.pop_front() {
                done.events += 1;
                batch.engine.handle(now, event, &mut origins);
                while let Some(action) = batch.engine.next_action() {
                    perform(batch, action, now, (share, origins_asked), &each, &mut done);
                }
            }
        }
        let next = batches.iter_mut().filter(|batch| !batch.ended).filter_map(|batch| {
            let attempt = batch.running.first().map(|(at, _)| *at);
            attempt.into_iter().chain(batch.engine.next_timer()).min()
        });
        now = now.max(next.min().unwrap_or(now));
        for batch in &mut batches {
            while let Some((_, attempt)) = batch.running.first().copied().filter(|(at, _)| *at <= now) {
                batch.running.pop_first();
                answered += 1;
                if fails(answered) {
                    let cause = Cause::ConnectionRefused;
                    batch.pending.push_back(Event::Failed { attempt, failed: Failed::new(cause, None) });
                } else {
                    batch.pending.push_back(Event::Head {
                        attempt,
                        status: 200,
                        retry_after: None,
                        location: None,
                        facts: None,
                    });
                    batch.pending.push_back(Event::Ended { attempt, response: (), body_bytes: 0 });
                }
            }
            if batch.engine.next_timer().is_some_and(|timer| timer <= now) {
                batch.pending.push_back(Event::Timer);
            }
        }
    }
    done.took = start.elapsed();
    done
}

fn perform(
    batch: &mut Batch,
    action: Action<()>,
    now: Instant,
    (requests, origins_asked): (u64, u64),
    each: impl Fn(u64, u64) -> Duration,
    done: &mut Done,
) {
    match action {
        Action::Grant(_) => {}
        Action::Read(room) => {
            let more = u64::from(room).min(requests - batch.read);
            let url = |id| format!("http://origin-{}.test/", id % origins_asked);
            let read = (batch.read..batch.read + more).map(|id| Request::get(id, url(id))).collect();
            batch.read += more;
            batch.pending.push_back(Event::Read { requests: read, ended: batch.read == requests });
        }
        Action::Start { attempt, request, .. } => {
            done.attempts += 1;
            batch.running.insert((now + each(done.attempts, request.id % origins_asked), attempt));
        }
        Action::Emit(outcome) => {
            done.took_each.extend(outcome.result.is_ok().then_some(outcome.timing.total));
            batch.pending.push_back(Event::Taken(1));
        }
        Action::Finish(summary) => {
            batch.ended = true;
            done.elapsed = done.elapsed.max(summary.elapsed);
        }
        Action::Cancel(attempt) => batch.running.retain(|(_, other)| *other != attempt),
        Action::CloseInput => {}
    }
}

/// How many attempts a batch makes that always has requests waiting, when a timer fires at a whole millisecond and up
/// to `late` more after it was due, and everything is answered by then.
fn sent_in_ten_seconds(rate: u32, late: u64) -> usize {
    let policy = Policy { rate: Some(rate), window: Some(2_000), ..policy(1_000) };
    let (mut engine, mut origins) = (Engine::new(&policy).expect("within bounds"), Origins::default());
    let (mut now, mut sent, mut fired, mut running) = (Instant::from_nanos(0), 0, 0, Vec::new());
    let mut pending = VecDeque::from([Event::Demand]);
    loop {
        while let Some(event) = pending.pop_front() {
            engine.handle(now, event, &mut origins);
            while let Some(action) = engine.next_action() {
                match action {
                    Action::Read(room) => {
                        let requests = (0..room).map(|id| Request::get(id.into(), "http://origin.test/")).collect();
                        pending.push_back(Event::Read { requests, ended: false });
                    }
                    Action::Start { attempt, .. } => running.push(attempt),
                    Action::Grant(_) => {}
                    Action::Emit(_) => pending.push_back(Event::Taken(1)),
                    Action::Cancel(_) | Action::CloseInput | Action::Finish(_) => {}
                }
            }
        }
        sent += running.len();
        let due = engine.next_timer().expect("something waits").as_nanos();
        fired += 1;
        now = now.max(Instant::from_nanos((due.div_ceil(1_000_000) + spread(fired) % (late + 1)) * 1_000_000));
        if now > Instant::from_nanos(10_000_000_000) {
            return sent;
        }
        for attempt in running.drain(..) {
            pending.push_back(Event::Head { attempt, status: 200, retry_after: None, location: None, facts: None });
            pending.push_back(Event::Ended { attempt, response: (), body_bytes: 0 });
        }
        pending.push_back(Event::Timer);
    }
}
