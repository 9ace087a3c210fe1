//! How many retries an origin may be asked to bear.

use crate::Instant;
use crate::sliding_window::{Sent, SlidingWindow, WINDOW};

/// Whether one more attempt that repeats another is within a retry budget as in Finagle: over the last ten seconds `ratio` per cent
/// of the requests, and `floor` per second beside those. A dead origin is then asked a little more often than it would be anyway, and
/// not several times as often. What was sent is the same for all batches; what follows from it, each says by its own policy.
pub(crate) fn has_one(sent: &SlidingWindow<Sent>, now: Instant, ratio: u32, floor: u32) -> bool {
    let Sent { first, repeated, .. } = sent.sum(now);
    let allowed = u64::from(first) * u64::from(ratio) + u64::from(floor) * WINDOW * 100;
    (u64::from(repeated) + 1) * 100 <= allowed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_nanos(seconds * 1_000_000_000)
    }

    fn spent(sent: &mut SlidingWindow<Sent>, now: Instant, (ratio, floor): (u32, u32)) -> usize {
        let mut spend = || {
            let granted = has_one(sent, now, ratio, floor);
            sent.add(now, Sent { repeated: u32::from(granted), ..Sent::default() });
            granted
        };
        (0..100_000).take_while(|_| spend()).count()
    }

    #[test]
    fn a_budget_is_a_part_of_the_requests_plus_a_floor() {
        let mut sent = SlidingWindow::default();
        sent.add(at(5), Sent { first: 1_000, ..Sent::default() });
        assert_eq!(spent(&mut sent, at(5), (20, 10)), 200 + 100);
        assert_eq!(spent(&mut sent, at(6), (20, 10)), 0);
        assert_eq!(spent(&mut sent, at(15), (20, 10)), 100, "what was sent is ten seconds ago");
    }

    #[test]
    fn without_ratio_and_floor_there_is_none() {
        let mut sent = SlidingWindow::default();
        sent.add(at(0), Sent { first: 1, ..Sent::default() });
        assert_eq!(spent(&mut sent, at(0), (0, 0)), 0);
        assert_eq!(spent(&mut sent, at(0), (100, 0)), 1);
    }

    /// L5: another's ratio gives a batch no retries that its own does not.
    #[test]
    fn each_policy_makes_its_own_of_what_was_sent() {
        let mut sent = SlidingWindow::default();
        sent.add(at(0), Sent { first: 100, ..Sent::default() });
        assert_eq!(spent(&mut sent, at(0), (20, 0)), 20);
        assert_eq!(spent(&mut sent, at(0), (50, 0)), 30, "twenty of its fifty were made by others");
        assert_eq!(spent(&mut sent, at(0), (20, 0)), 0);
    }
}
