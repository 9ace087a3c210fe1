//! Counts over the last ten seconds.

use crate::Instant;
use std::ops::Add;

/// Seconds in the window.
pub(crate) const WINDOW: u64 = 10;

/// Counts over the last ten seconds, forgotten second by second.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SlidingWindow<C> {
    /// By second, modulo the window.
    seconds: [Second<C>; WINDOW as usize],
}

#[derive(Clone, Copy, Debug, Default)]
struct Second<C> {
    /// The second since the clock's zero, from 1. A slot from an earlier round of the window does not count.
    number: u64,
    counts: C,
}

/// Attempts that were started.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sent {
    pub(crate) all: u32,
    /// First attempts of a request.
    pub(crate) first: u32,
    /// Retries and hedges, counted when they are granted.
    pub(crate) repeated: u32,
}

impl Add for Sent {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { all: self.all + other.all, first: self.first + other.first, repeated: self.repeated + other.repeated }
    }
}

/// Results of attempts that count for or against their origin.
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
    /// Adds these counts at `now`.
    pub(crate) fn add(&mut self, now: Instant, counts: C) {
        let number = number(now);
        let place = usize::try_from(number % WINDOW).unwrap_or_default();
        let Some(second) = self.seconds.get_mut(place) else { return };
        if second.number != number {
            *second = Second { number, counts: C::default() };
        }
        second.counts = second.counts + counts;
    }

    /// The sum over the ten seconds up to `now`.
    pub(crate) fn sum(&self, now: Instant) -> C {
        self.by_second(now).fold(C::default(), |sum, (_, counts)| sum + counts)
    }

    /// The counts of each of the ten seconds up to `now`, oldest first, with the end of that second or `now`.
    pub(crate) fn by_second(&self, now: Instant) -> impl Iterator<Item = (Instant, C)> {
        let newest = number(now);
        (newest.saturating_sub(WINDOW - 1)..=newest).filter_map(move |number| {
            let second = self.seconds.iter().find(|second| second.number == number && number > 0)?;
            Some((end(number).min(now), second.counts))
        })
    }

    /// When the last counts for which `matches` holds leave the window.
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
    fn counts_leave_the_window_when_forgotten_at_says() {
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
