//! How often requests may be sent to an origin.

use crate::Instant;
use crate::attempt_serial::BatchId;
use crate::sliding_window::{Sent, SlidingWindow};
use std::time::Duration;

/// The rate limits of an origin: a token bucket for each rate that a batch keeps (as in RFC 2697, with one colour), and
/// the times reserved for attempts that wait.
///
/// Every attempt takes a token out of every bucket, whichever batch makes it, but a bucket is never more than empty:
/// another batch's burst can use up a batch's burst, but not its rate. A batch that has to wait reserves the next time
/// that is free by its own rate, and starts then whatever others did meanwhile. So batches with the same rate take
/// turns and keep it together; one with a smaller rate is not starved by the others, which count what it sends.
#[derive(Debug, Default)]
pub(crate) struct TokenBucket {
    buckets: Vec<Bucket>,
    /// Earliest first.
    reservations: Vec<Reservation>,
}

/// The rate in a batch's policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    /// Attempts per second, not zero.
    pub(crate) rate: u32,
    /// Attempts at once after a pause.
    pub(crate) burst: u32,
}

/// A token bucket.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    rate: Rate,
    /// When it will be full: what it lacks is what will arrive until then.
    full_at: Instant,
}

/// The time at which an attempt of a batch is due; in the past if its timer fired late.
#[derive(Clone, Copy, Debug)]
struct Reservation {
    batch: BatchId,
    at: Instant,
}

/// Rates with a bucket of their own. When another is needed, the fullest bucket is dropped, and rebuilt from what was
/// sent when it is needed again.
const MAX_BUCKETS: usize = 8;

/// Batches that may hold a reservation. Further ones ask again at the time that would be theirs now.
const MAX_RESERVATIONS: usize = 64;

/// Heap bytes.
#[cfg(test)]
pub(crate) const MAX_BYTES: usize = MAX_BUCKETS * size_of::<Bucket>() + MAX_RESERVATIONS * size_of::<Reservation>();

/// How late an attempt may be and still count as made when it was due. Delays of a timer within that are caught up;
/// what an instance misses when it stands still for longer is lost, so that an origin does not get it all at once.
const CATCH_UP: Duration = Duration::from_millis(100);

impl TokenBucket {
    /// Takes a token for one attempt of a batch, or returns when one is due and reserves that time. `sent` is what the
    /// origin has been sent.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        batch: BatchId,
        rate: Rate,
        sent: &SlidingWindow<Sent>,
    ) -> Result<(), Instant> {
        self.reservations.retain(|reservation| now.since(reservation.at) <= CATCH_UP);
        let reserved = self.reservations.iter().position(|reservation| reservation.batch == batch);
        let reserved = reserved.map(|place| self.reservations.remove(place).at);
        let bucket = self.bucket(now, rate, sent);
        let at = reserved.unwrap_or_else(|| self.next(bucket, now));
        if at > now {
            self.reserve(batch, at);
            return Err(at);
        }
        self.charge(now, at);
        if reserved.is_some() {
            // A timer that fired late may have passed the next attempt's time too.
            let bucket = self.bucket(now, rate, sent);
            let next = self.next(bucket, at);
            if next <= now {
                self.reserve(batch, next);
            }
        }
        Ok(())
    }

    /// Charges all buckets for an attempt that was due at `at`.
    pub(crate) fn charge(&mut self, now: Instant, at: Instant) {
        self.buckets.iter_mut().for_each(|bucket| bucket.charge(now, at, 1));
    }

    /// Releases the reservation of a batch.
    pub(crate) fn release(&mut self, batch: BatchId) {
        self.reservations.retain(|reservation| reservation.batch != batch);
    }

    /// When all buckets will be full: until then they must not be forgotten.
    pub(crate) fn full_at(&self) -> Instant {
        self.buckets.iter().map(|bucket| bucket.full_at).max().unwrap_or_default()
    }

    fn reserve(&mut self, batch: BatchId, at: Instant) {
        if self.reservations.len() < MAX_RESERVATIONS {
            let place = self.reservations.partition_point(|reservation| reservation.at <= at);
            self.reservations.insert(place, Reservation { batch, at });
        }
    }

    /// The bucket of this rate.
    fn bucket(&mut self, now: Instant, rate: Rate, sent: &SlidingWindow<Sent>) -> Bucket {
        if let Some(bucket) = self.buckets.iter().find(|bucket| bucket.rate == rate) {
            return *bucket;
        }
        if self.buckets.len() >= MAX_BUCKETS {
            let first = self.buckets.iter().enumerate().min_by_key(|(_, bucket)| bucket.full_at);
            first.map(|(place, _)| place).map(|place| self.buckets.swap_remove(place));
        }
        let bucket = Bucket::of(rate, now, sent);
        self.buckets.push(bucket);
        bucket
    }

    /// The first time from `from` on at which an attempt is due by this bucket, without taking tokens from
    /// reservations.
    fn next(&self, mut bucket: Bucket, from: Instant) -> Instant {
        for reservation in &self.reservations {
            let at = bucket.due().max(from);
            let mut after = bucket;
            after.charge(at, at, 1);
            if after.due() <= reservation.at {
                return at;
            }
            bucket.charge(reservation.at.max(from), reservation.at, 1);
        }
        bucket.due().max(from)
    }
}

impl Bucket {
    /// The bucket of a rate that has none yet. What was sent in a second counts as sent at its end, so that the new
    /// bucket never allows more than an old one would have.
    fn of(rate: Rate, now: Instant, sent: &SlidingWindow<Sent>) -> Self {
        let mut bucket = Self { rate, full_at: Instant::default() };
        for (end, sent) in sent.by_second(now) {
            bucket.charge(end, end, sent.all);
        }
        bucket
    }

    /// When it will have a token.
    fn due(&self) -> Instant {
        let others = self.rate.interval() * self.rate.burst.max(1).saturating_sub(1);
        let others = u64::try_from(others.as_nanos()).unwrap_or(u64::MAX);
        Instant::from_nanos(self.full_at.as_nanos().saturating_sub(others))
    }

    /// Takes tokens that were due at `at`, as far as there are any at `now`.
    fn charge(&mut self, now: Instant, at: Instant, tokens: u32) {
        let interval = self.rate.interval();
        let taken = self.full_at.max(at) + interval.saturating_mul(tokens);
        let empty = now + interval * self.rate.burst.max(1);
        self.full_at = self.full_at.max(taken.min(empty));
    }
}

impl Rate {
    /// From one attempt to the next.
    fn interval(self) -> Duration {
        Duration::from_secs(1) / self.rate.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    const A: BatchId = BatchId::new(1);
    const B: BatchId = BatchId::new(2);

    const TEN: Rate = Rate { rate: 10, burst: 3 };
    const HUNDRED: Rate = Rate { rate: 100, burst: 1 };

    fn take(limiter: &mut TokenBucket, now: u64, batch: BatchId, rate: Rate) -> Result<(), Instant> {
        limiter.take(ms(now), batch, rate, &SlidingWindow::default())
    }

    #[test]
    fn after_the_burst_there_is_one_at_a_time() {
        let mut limiter = TokenBucket::default();
        for _ in 0..3 {
            assert_eq!(take(&mut limiter, 1_000, A, TEN), Ok(()));
        }
        assert_eq!(take(&mut limiter, 1_000, A, TEN), Err(ms(1_100)));
        assert_eq!(take(&mut limiter, 1_099, A, TEN), Err(ms(1_100)));
        assert_eq!(take(&mut limiter, 1_100, A, TEN), Ok(()));
        assert_eq!(take(&mut limiter, 1_100, A, TEN), Err(ms(1_200)));
    }

    #[test]
    fn a_pause_fills_the_bucket_and_no_more() {
        let mut limiter = TokenBucket::default();
        let taken = |limiter: &mut TokenBucket, now| {
            limiter.release(A);
            (0..100).take_while(|_| take(limiter, now, A, TEN).is_ok()).count()
        };
        assert_eq!(taken(&mut limiter, 1_000), 3);
        assert_eq!(taken(&mut limiter, 1_200), 2);
        assert_eq!(taken(&mut limiter, 60_000), 3);
    }

    #[test]
    fn batches_with_the_same_rate_take_turns() {
        let mut limiter = TokenBucket::default();
        assert_eq!(take(&mut limiter, 0, A, HUNDRED), Ok(()));
        assert_eq!(take(&mut limiter, 0, A, HUNDRED), Err(ms(10)));
        assert_eq!(take(&mut limiter, 0, B, HUNDRED), Err(ms(20)));
        assert_eq!(take(&mut limiter, 10, A, HUNDRED), Ok(()));
        assert_eq!(take(&mut limiter, 10, A, HUNDRED), Err(ms(30)));
        assert_eq!(take(&mut limiter, 20, B, HUNDRED), Ok(()));
    }

    /// L5: what another batch sends beyond a batch's own burst does not put that batch in debt.
    #[test]
    fn another_batchs_burst_uses_up_the_burst_but_not_the_rate() {
        let (mut limiter, flood) = (TokenBucket::default(), Rate { rate: 1, burst: 100_000 });
        assert_eq!(take(&mut limiter, 0, B, HUNDRED), Ok(()));
        for _ in 0..5_000 {
            assert_eq!(take(&mut limiter, 1, A, flood), Ok(()));
        }
        assert_eq!(take(&mut limiter, 1, B, HUNDRED), Err(ms(11)));
        for now in 1..11 {
            assert_eq!(take(&mut limiter, now, A, flood), Ok(()));
        }
        assert_eq!(take(&mut limiter, 11, B, HUNDRED), Ok(()));
    }

    #[test]
    fn a_slower_rate_is_not_starved_and_the_faster_bounds_them_all() {
        let (mut limiter, fast) = (TokenBucket::default(), Rate { rate: 1_000, burst: 1 });
        let (mut of_fast, mut of_slow) = (0, 0);
        for now in 0..10_000 {
            of_slow += u32::from(take(&mut limiter, now, B, HUNDRED).is_ok());
            of_fast += u32::from(take(&mut limiter, now, A, fast).is_ok());
        }
        assert!((800..=1_000).contains(&of_slow), "{of_slow}");
        assert!((9_900..=10_001).contains(&(of_fast + of_slow)), "{of_fast} and {of_slow}");
    }

    /// L7: an attempt that is late counts as made when it was due, within a bound.
    #[test]
    fn attempts_missed_by_a_late_timer_are_caught_up_unless_it_is_very_late() {
        let mut limiter = TokenBucket::default();
        let taken =
            |limiter: &mut TokenBucket, now| (0..100).take_while(|_| take(limiter, now, A, HUNDRED).is_ok()).count();
        assert_eq!(taken(&mut limiter, 0), 1);
        assert_eq!(taken(&mut limiter, 35), 3, "at 10, 20, 30");
        assert_eq!(taken(&mut limiter, 40), 1);
        assert_eq!(taken(&mut limiter, 500), 1, "the one at 50 is too long ago");
    }

    #[test]
    fn a_new_rate_counts_what_was_sent_before() {
        let (mut limiter, mut sent) = (TokenBucket::default(), SlidingWindow::default());
        sent.add(ms(1_500), Sent { all: 2, ..Sent::default() });
        assert_eq!(limiter.take(ms(1_600), A, TEN, &sent), Ok(()));
        assert_eq!(limiter.take(ms(1_600), A, TEN, &sent), Err(ms(1_700)));
    }

    #[test]
    fn buckets_and_reservations_are_bounded() {
        let mut limiter = TokenBucket::default();
        for batch in 0..1_000 {
            let rate = Rate { rate: 1 + u32::try_from(batch).unwrap() % 50, burst: 1 };
            let _ = limiter.take(ms(0), BatchId::new(batch), rate, &SlidingWindow::default());
            assert!(limiter.buckets.len() <= MAX_BUCKETS && limiter.reservations.len() <= MAX_RESERVATIONS);
        }
    }
}
