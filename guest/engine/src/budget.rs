//! How many retries an origin may be asked to bear.

use crate::Instant;
use crate::recent::{Recent, WINDOW};

/// A retry, in the thousandths that are counted in: a ratio of 20 % gives 200 for each request.
const RETRY: u64 = 1_000;

/// A retry budget as in Finagle: over the last ten seconds, a part of the requests plus so many per second. A dead origin is
/// then asked a little more often than it would be anyway, and not several times as often.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    /// What was earned, and what was spent.
    recent: Recent,
}

impl Budget {
    /// A request was sent for the first time; `ratio` in per cent.
    pub(crate) fn earn(&mut self, now: Instant, ratio: u32) {
        self.recent.add(now, (u64::from(ratio) * RETRY / 100, 0));
    }

    /// Whether there is a retry in it; `floor` per second.
    pub(crate) fn has_one(&self, now: Instant, floor: u32) -> bool {
        let (earned, spent) = self.recent.sums(now);
        spent + RETRY <= earned + u64::from(floor) * WINDOW * RETRY
    }

    /// Takes a retry out, if there is one.
    pub(crate) fn spend(&mut self, now: Instant, floor: u32) -> bool {
        let granted = self.has_one(now, floor);
        if granted {
            self.recent.add(now, (0, RETRY));
        }
        granted
    }
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
