//! Twenty thousand runs, each drawn from its seed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use fantail_engine::Cause;
use fantail_simulator::{Broken, Scenario, simulate};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

const SEEDS: u64 = 20_000;

/// Totals over a part of the runs.
#[derive(Default)]
struct Seen {
    requests: u64,
    retries: u64,
    hedges_won: u64,
    coalesced: u64,
    hops: u64,
    causes: BTreeMap<Cause, u64>,
}

/// Plays every seed of a residue class, so that tests can run in parallel.
fn play(residue: u64, classes: u64, draw: fn(u64) -> Scenario) -> Seen {
    let mut seen = Seen::default();
    for seed in (residue..SEEDS).step_by(usize::try_from(classes).unwrap()) {
        let scenario = draw(seed);
        let played = catch_unwind(AssertUnwindSafe(|| simulate(&scenario, &mut |_| ())));
        let finished = match played {
            Ok(Ok(finished)) => finished,
            Ok(Err(Broken(what))) => panic!("seed {seed}: {what}\n{}", replay(seed)),
            Err(_) => panic!("seed {seed} panicked, see above\n{}", replay(seed)),
        };
        for batch in finished {
            seen.requests += batch.summary.requests;
            seen.retries += batch.summary.retries;
            seen.hedges_won += batch.summary.hedges_won;
            seen.coalesced += batch.summary.coalesced;
            seen.hops += batch.outcomes.iter().map(|outcome| outcome.hops.len() as u64).sum::<u64>();
            for (cause, count) in batch.summary.by_cause {
                *seen.causes.entry(cause).or_default() += count;
            }
        }
    }
    seen
}

fn replay(seed: u64) -> String {
    format!("replay it: cargo run --package fantail-simulator -- {seed}")
}

/// A simulation in which nothing happens proves nothing.
fn check_that_much_was_seen(seen: &Seen) {
    let Seen { requests, retries, hedges_won, coalesced, hops, causes } = seen;
    for (what, count) in [("requests", requests), ("retries", retries), ("coalesced", coalesced), ("hops", hops)] {
        assert!(*count > 500, "{what}: {count}");
    }
    assert!(*hedges_won > 50, "{hedges_won} second attempts won");
    use Cause::*;
    let all = [
        BreakerOpen,
        Cancelled,
        ConnectionRefused,
        ConnectionTerminated,
        Deadline,
        HttpResponseIncomplete,
        InvalidUrl,
        RedirectLimit,
        TimeoutAttempt,
        TimeoutTotal,
    ];
    for cause in all {
        assert!(causes.get(&cause).is_some_and(|count| *count > 50), "{cause}: {:?}", causes.get(&cause));
    }
}

#[test]
fn s4_even_seeds_keep_every_promise() {
    check_that_much_was_seen(&play(0, 2, Scenario::draw));
}

#[test]
fn s4_odd_seeds_keep_every_promise() {
    check_that_much_was_seen(&play(1, 2, Scenario::draw));
}

/// L5, L6, L7: batches with rates of their own, at more origins than can be known.
#[test]
fn batches_send_exactly_what_their_rates_allow() {
    let seen = play(0, 20, Scenario::draw_paced);
    assert!(seen.requests > 100_000 && seen.causes.is_empty(), "{} {:?}", seen.requests, seen.causes);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 0..50 {
        let run = || {
            let mut lines = Vec::new();
            simulate(&Scenario::draw(seed), &mut |line| lines.push(line)).unwrap();
            lines
        };
        assert_eq!(run(), run());
    }
}
