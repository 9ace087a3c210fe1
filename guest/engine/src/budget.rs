//! The retry budget: how many retries an origin may be sent.

use crate::Instant;
use crate::sliding_window::{Sent, SlidingWindow, WINDOW};

/// Whether a retry budget as in Finagle allows another retry or hedge: over the last ten seconds `percent` of the
/// requests, plus `per_second`. A dead origin is then sent a little more than usual, not several times as much. What
/// was sent is the same for all batches; each batch applies its own policy to it.
pub(crate) fn allows_retry(sent: &SlidingWindow<Sent>, now: Instant, percent: u32, per_second: u32) -> bool {
    let Sent { first, repeated, .. } = sent.sum(now);
    let allowed = u64::from(first) * u64::from(percent) + u64::from(per_second) * WINDOW * 100;
    (u64::from(repeated) + 1) * 100 <= allowed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_nanos(seconds * 1_000_000_000)
    }

    fn spent(sent: &mut SlidingWindow<Sent>, now: Instant, (percent, per_second): (u32, u32)) -> usize {
        let mut spend = || {
            let granted = allows_retry(sent, now, percent, per_second);
            sent.add(now, Sent { repeated: u32::from(granted), ..Sent::default() });
            granted
        };
        (0..100_000).take_while(|_| spend()).count()
    }

    #[test]
    fn a_budget_is_a_percentage_of_the_requests_plus_a_fixed_rate() {
        let mut sent = SlidingWindow::default();
        sent.add(at(5), Sent { first: 1_000, ..Sent::default() });
        assert_eq!(spent(&mut sent, at(5), (20, 10)), 200 + 100);
        assert_eq!(spent(&mut sent, at(6), (20, 10)), 0);
        assert_eq!(spent(&mut sent, at(15), (20, 10)), 100, "what was sent is ten seconds ago");
    }

    #[test]
    fn without_percentage_and_rate_there_is_no_budget() {
        let mut sent = SlidingWindow::default();
        sent.add(at(0), Sent { first: 1, ..Sent::default() });
        assert_eq!(spent(&mut sent, at(0), (0, 0)), 0);
        assert_eq!(spent(&mut sent, at(0), (100, 0)), 1);
    }

    /// L5: another batch's percentage gives a batch no retries that its own does not.
    #[test]
    fn each_policy_computes_its_own_budget_from_what_was_sent() {
        let mut sent = SlidingWindow::default();
        sent.add(at(0), Sent { first: 100, ..Sent::default() });
        assert_eq!(spent(&mut sent, at(0), (20, 0)), 20);
        assert_eq!(spent(&mut sent, at(0), (50, 0)), 30, "twenty of its fifty were made by others");
        assert_eq!(spent(&mut sent, at(0), (20, 0)), 0);
    }
}
