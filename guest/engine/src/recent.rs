//! What was counted in the last ten seconds.

use crate::Instant;

/// Seconds that are looked back on.
pub(crate) const WINDOW: u64 = 10;

/// Two counts over the last ten seconds, forgotten second by second.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    /// By second, modulo the window.
    seconds: [Second; WINDOW as usize],
}

#[derive(Clone, Copy, Debug, Default)]
struct Second {
    /// Which second it is, from 1: of another round, it counts for nothing.
    number: u64,
    counts: (u64, u64),
}

impl Recent {
    /// Counts these at `now`.
    pub(crate) fn add(&mut self, now: Instant, (first, second): (u64, u64)) {
        let number = number(now);
        let place = usize::try_from(number % WINDOW).unwrap_or_default();
        let Some(slot) = self.seconds.get_mut(place) else { return };
        if slot.number != number {
            *slot = Second { number, ..Second::default() };
        }
        slot.counts = (slot.counts.0 + first, slot.counts.1 + second);
    }

    /// What was counted in the ten seconds up to `now`.
    pub(crate) fn sums(&self, now: Instant) -> (u64, u64) {
        let oldest = number(now).saturating_sub(WINDOW - 1);
        let recent = self.seconds.iter().filter(|second| second.number >= oldest);
        recent.fold((0, 0), |(first, second), slot| (first + slot.counts.0, second + slot.counts.1))
    }
}

fn number(now: Instant) -> u64 {
    now.as_nanos() / 1_000_000_000 + 1
}
