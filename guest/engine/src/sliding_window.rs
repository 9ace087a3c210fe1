//! What was counted in the last ten seconds.

use crate::Instant;
use std::ops::Add;

/// Seconds that are looked back on.
pub(crate) const WINDOW: u64 = 10;

/// Counts over the last ten seconds, forgotten second by second.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SlidingWindow<C> {
    /// By second, modulo the window.
    seconds: [Second<C>; WINDOW as usize],
}

#[derive(Clone, Copy, Debug, Default)]
struct Second<C> {
    /// Which second it is, from 1: of another round, it counts for nothing.
    number: u64,
    counts: C,
}

/// Attempts that were made.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sent {
    pub(crate) all: u32,
    /// Those that were the first of their request.
    pub(crate) first: u32,
    /// Retries and second attempts: counted when they are granted.
    pub(crate) repeated: u32,
}

impl Add for Sent {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { all: self.all + other.all, first: self.first + other.first, repeated: self.repeated + other.repeated }
    }
}

/// What became of attempts, as far as it speaks for their origin or against it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Results {
    pub(crate) all: u32,
    pub(crate) failed: u32,
}

impl Add for Results {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { all: self.all + other.all, failed: self.failed + other.failed }
    }
}

impl<C: Copy + Default + Add<Output = C>> SlidingWindow<C> {
    /// Counts these at `now`.
    pub(crate) fn add(&mut self, now: Instant, counts: C) {
        let number = number(now);
        let place = usize::try_from(number % WINDOW).unwrap_or_default();
        let Some(second) = self.seconds.get_mut(place) else { return };
        if second.number != number {
            *second = Second { number, counts: C::default() };
        }
        second.counts = second.counts + counts;
    }

    /// What was counted in the ten seconds up to `now`.
    pub(crate) fn sum(&self, now: Instant) -> C {
        self.by_second(now).fold(C::default(), |sum, (_, counts)| sum + counts)
    }

    /// What was counted in each of the ten seconds up to `now`, oldest first, with the end of that second or `now`.
    pub(crate) fn by_second(&self, now: Instant) -> impl Iterator<Item = (Instant, C)> {
        let newest = number(now);
        (newest.saturating_sub(WINDOW - 1)..=newest).filter_map(move |number| {
            let second = self.seconds.iter().find(|second| second.number == number && number > 0)?;
            Some((end(number).min(now), second.counts))
        })
    }

    /// When nothing that `matches` is counted any more.
    pub(crate) fn forgotten_at(&self, matches: impl Fn(&C) -> bool) -> Instant {
        let newest = self.seconds.iter().filter(|second| matches(&second.counts)).map(|second| second.number).max();
        newest.map_or(Instant::default(), |number| end(number + WINDOW - 1))
    }
}

/// Seconds are counted from 1.
fn number(now: Instant) -> u64 {
    now.as_nanos() / 1_000_000_000 + 1
}

fn end(number: u64) -> Instant {
    Instant::from_nanos(number.saturating_mul(1_000_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_forgotten_when_it_says_so() {
        let at = |millis: u64| Instant::from_nanos(millis * 1_000_000);
        let mut recent = SlidingWindow::<Results>::default();
        recent.add(at(1_500), Results { all: 3, failed: 1 });
        recent.add(at(2_500), Results { all: 1, failed: 0 });
        let forgotten = recent.forgotten_at(|results| results.failed > 0);
        assert_eq!(forgotten, at(11_000));
        assert_eq!((recent.sum(at(10_999)).failed, recent.sum(forgotten).failed, recent.sum(forgotten).all), (1, 0, 1));
        let ends: Vec<_> = recent.by_second(at(2_600)).map(|(end, results)| (end, results.all)).collect();
        assert_eq!(ends, [(at(2_000), 3), (at(2_600), 1)]);
    }
}
