//! How often an origin may be asked.

use crate::Instant;
use std::time::Duration;

/// A token bucket (as in RFC 2697, with one colour): so many a second, and so many at once after a pause.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// When the bucket will be full: what is missing of it is what is still to come until then.
    full_at: Instant,
}

impl Pace {
    /// Takes a token, or says when there will be one. `rate` is not zero.
    pub(crate) fn take(&mut self, now: Instant, rate: u32, burst: u32) -> Result<(), Instant> {
        let each = Duration::from_secs(1) / rate.max(1);
        let full_at = self.full_at.max(now) + each;
        // With all of `burst` taken, it takes that many times `each` until it is full again.
        let latest = now + each * burst.max(1);
        if full_at > latest {
            return Err(now + full_at.since(latest));
        }
        self.full_at = full_at;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn after_the_burst_there_is_one_at_a_time() {
        let mut pace = Pace::default();
        for _ in 0..3 {
            assert_eq!(pace.take(ms(1_000), 10, 3), Ok(()));
        }
        assert_eq!(pace.take(ms(1_000), 10, 3), Err(ms(1_100)));
        assert_eq!(pace.take(ms(1_099), 10, 3), Err(ms(1_100)));
        assert_eq!(pace.take(ms(1_100), 10, 3), Ok(()));
        assert_eq!(pace.take(ms(1_100), 10, 3), Err(ms(1_200)));
    }

    #[test]
    fn a_pause_fills_the_bucket_and_no_more() {
        let mut pace = Pace::default();
        let taken = |pace: &mut Pace, now| (0..100).take_while(|_| pace.take(now, 10, 3).is_ok()).count();
        assert_eq!(taken(&mut pace, ms(1_000)), 3);
        assert_eq!(taken(&mut pace, ms(1_200)), 2);
        assert_eq!(taken(&mut pace, ms(60_000)), 3);
    }
}
