//! Random policies.

use fantail_engine::{BodyMode, Hedge, Order, Policy, Until};
use fastrand::Rng;
use std::time::Duration;

/// A policy that is within its bounds.
pub(crate) fn draw(rng: &mut Rng) -> Policy {
    let policy = draw_any(rng);
    // Some have no limit on hedges but slots.
    if rng.u32(0..6) > 0 {
        return policy;
    }
    let hedge = Some(Hedge::After(ms(rng, 1..20)));
    let (retry_per_second, breaker_percent, per_origin_floor, rate) = (Some(10_000), None, None, None);
    Policy { hedge, retry_per_second, breaker_percent, per_origin_floor, rate, ..policy }
}

fn draw_any(rng: &mut Rng) -> Policy {
    let per_origin = rng.u32(1..12);
    Policy {
        concurrency: Some(rng.u32(1..=16)),
        window: Some(rng.u32(1..=40)),
        body: Some(draw_body(rng)),
        max_unread: Some(rng.u32(1..=8)),
        attempt_timeout: Some(ms(rng, 5..500)),
        timeout: Some(ms(rng, 0..2_000)),
        deadline: some(rng, 5, |rng| ms(rng, 0..1_000)),
        order: one_of(rng, &[Order::Completion, Order::Input]),
        until: some(rng, 6, until),
        retries: Some(rng.u32(0..4)),
        backoff: Some(ms(rng, 1..50)),
        max_backoff: Some(ms(rng, 1..200)),
        retry_percent: Some(rng.u32(0..200)),
        retry_per_second: Some(rng.u32(0..10)),
        redirects: Some(rng.u32(0..4)),
        per_origin: Some(per_origin),
        per_origin_floor: some(rng, 3, |rng| rng.u32(1..=per_origin)),
        breaker_percent: some(rng, 3, |rng| rng.u32(1..=100)),
        breaker_minimum: Some(rng.u32(1..10)),
        breaker_open: Some(ms(rng, 1..300)),
        hedge: some(rng, 3, |rng| if rng.bool() { Hedge::Auto } else { Hedge::After(ms(rng, 1..50)) }),
        rate: some(rng, 4, |rng| rng.u32(10..1_000)),
        burst: Some(rng.u32(1..8)),
        coalesce: Some(rng.bool()),
        window_bytes: some(rng, 3, |rng| rng.u64(65_536..500_000)),
        ..Policy::default()
    }
}

/// A policy for a batch whose outcomes do not depend on timing.
pub(crate) fn draw_steady(rng: &mut Rng) -> Policy {
    Policy {
        concurrency: Some(rng.u32(1..=16)),
        window: Some(rng.u32(1..=40)),
        body: one_of(rng, &[BodyMode::Bytes, BodyMode::Discard]),
        attempt_timeout: Some(Duration::from_millis(600)),
        order: one_of(rng, &[Order::Completion, Order::Input]),
        retries: Some(rng.u32(0..4)),
        backoff: Some(ms(rng, 1..5)),
        retry_per_second: Some(10_000),
        redirects: Some(rng.u32(0..4)),
        per_origin: Some(rng.u32(1..12)),
        per_origin_floor: some(rng, 3, |_| 1),
        ..Policy::default()
    }
}

/// A policy for a batch that waits only for its rate.
pub(crate) fn draw_paced(rng: &mut Rng) -> Policy {
    // Some send everything at once, and leave their bucket empty for long.
    let (rate, burst) = if rng.u32(0..4) == 0 { (rng.u32(1..5), 1_000) } else { (rng.u32(20..5_000), rng.u32(1..5)) };
    Policy {
        concurrency: Some(1_000),
        window: Some(1_000),
        body: Some(BodyMode::Discard),
        timeout: Some(Duration::from_secs(7_200)),
        rate: Some(rate),
        burst: Some(burst),
        ..Policy::default()
    }
}

/// What is done with bodies.
pub(crate) fn draw_body(rng: &mut Rng) -> BodyMode {
    *rng.choice(&[BodyMode::Bytes, BodyMode::Bytes, BodyMode::Discard, BodyMode::Unread]).unwrap_or(&BodyMode::Bytes)
}

fn until(rng: &mut Rng) -> Until {
    if rng.bool() { Until::FirstFailure } else { Until::Successes(rng.u32(1..9)) }
}

fn some<T>(rng: &mut Rng, one_in: u32, draw: impl FnOnce(&mut Rng) -> T) -> Option<T> {
    (rng.u32(0..one_in) == 0).then(|| draw(rng))
}

fn one_of<T: Copy>(rng: &mut Rng, choices: &[T]) -> Option<T> {
    rng.choice(choices).copied()
}

fn ms(rng: &mut Rng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(rng.u64(range))
}
