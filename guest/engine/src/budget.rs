//! How many retries an origin may be asked to bear.

use crate::Instant;

/// Seconds that are looked back on.
const WINDOW: u64 = 10;
/// A retry, in the thousandths that are counted in: a ratio of 20 % gives 200 for each request.
const RETRY: u64 = 1_000;

/// A retry budget as in Finagle: over the last ten seconds, a part of the requests plus so many per second. A dead origin is
/// then asked a little more often than it would be anyway, and not several times as often.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    /// By second, modulo the window.
    seconds: [Second; WINDOW as usize],
}

#[derive(Clone, Copy, Debug, Default)]
struct Second {
    /// Which second it is, from 1: of another round, it counts for nothing.
    number: u64,
    earned: u64,
    spent: u64,
}

impl Budget {
    /// A request was sent for the first time; `ratio` in per cent.
    pub(crate) fn earn(&mut self, now: Instant, ratio: u32) {
        if let Some(second) = self.second(now) {
            second.earned += u64::from(ratio) * RETRY / 100;
        }
    }

    /// Takes a retry out, if there is one; `floor` per second.
    pub(crate) fn spend(&mut self, now: Instant, floor: u32) -> bool {
        let oldest = number(now).saturating_sub(WINDOW - 1);
        let recent = self.seconds.iter().filter(|second| second.number >= oldest);
        let (earned, spent) = recent.fold((0, 0), |(earned, spent), s| (earned + s.earned, spent + s.spent));
        let granted = spent + RETRY <= earned + u64::from(floor) * WINDOW * RETRY;
        if granted && let Some(second) = self.second(now) {
            second.spent += RETRY;
        }
        granted
    }

    fn second(&mut self, now: Instant) -> Option<&mut Second> {
        let number = number(now);
        let second = self.seconds.get_mut(usize::try_from(number % WINDOW).ok()?)?;
        if second.number != number {
            *second = Second { number, ..Second::default() };
        }
        Some(second)
    }
}

fn number(now: Instant) -> u64 {
    now.as_nanos() / 1_000_000_000 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_nanos(seconds * 1_000_000_000)
    }

    fn spent(budget: &mut Budget, now: Instant, floor: u32) -> usize {
        (0..100_000).take_while(|_| budget.spend(now, floor)).count()
    }

    #[test]
    fn a_budget_is_a_part_of_the_requests_plus_a_floor() {
        let mut budget = Budget::default();
        for _ in 0..1_000 {
            budget.earn(at(5), 20);
        }
        assert_eq!(spent(&mut budget, at(5), 10), 200 + 100);
        assert_eq!(spent(&mut budget, at(6), 10), 0);
        assert_eq!(spent(&mut budget, at(15), 10), 100, "what was earned and spent is ten seconds ago");
    }

    #[test]
    fn without_ratio_and_floor_there_is_none() {
        let mut budget = Budget::default();
        budget.earn(at(0), 0);
        assert_eq!(spent(&mut budget, at(0), 0), 0);
        budget.earn(at(0), 100);
        assert_eq!(spent(&mut budget, at(0), 0), 1);
    }
}
