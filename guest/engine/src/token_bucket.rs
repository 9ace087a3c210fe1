//! How often an origin may be asked.

use crate::Instant;
use crate::attempt_serial::BatchId;
use crate::sliding_window::{Sent, SlidingWindow};
use std::time::Duration;

/// When an origin was asked, as its batches look at it: a token bucket for each rate that one of them keeps (as in RFC 2697, with one
/// colour), and the times that batches have booked for what waits.
///
/// Every attempt takes a token out of every bucket, whoever made it, but no bucket is ever more than empty: another's burst can take
/// a batch's burst, and not its rate. A batch that has to wait books the next time that is free by its own rate, and goes then whatever
/// others did meanwhile. So those with one rate share it in turns and keep it together; one with a smaller rate is not starved by the
/// others, which count what it sends.
#[derive(Debug, Default)]
pub(crate) struct TokenBucket {
    meters: Vec<Meter>,
    /// Earliest first.
    booked: Vec<Reservation>,
}

/// What a batch's policy says of its rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    /// Attempts per second, not zero.
    pub(crate) rate: u32,
    /// Attempts at once after a pause.
    pub(crate) burst: u32,
}

/// A token bucket.
#[derive(Clone, Copy, Debug)]
struct Meter {
    rate: Rate,
    /// When it will be full: what is missing of it is what is still to come until then.
    full_at: Instant,
}

/// The time at which an attempt of a batch is due, which may be past if its timer came late.
#[derive(Clone, Copy, Debug)]
struct Reservation {
    batch: BatchId,
    at: Instant,
}

/// Rates that are told apart. With one more, the one whose bucket is fullest is forgotten, and made up of what was sent when it is
/// needed again.
const MOST_METERS: usize = 8;

/// Batches that may have booked a time. Those beyond that ask again at the time that is theirs by now.
const MOST_BOOKED: usize = 64;

/// Bytes beside itself.
#[cfg(test)]
pub(crate) const MOST_BYTES: usize = MOST_METERS * size_of::<Meter>() + MOST_BOOKED * size_of::<Reservation>();

/// How late an attempt may be and still count as made when it was due. What a late timer costs is made up for within that; what
/// an instance that stood still for longer has missed is lost, so that an origin does not get it all at once.
const CATCH_UP: Duration = Duration::from_millis(100);

impl TokenBucket {
    /// Lets one attempt of a batch go, or says when it may, and books that time for it. `sent` is what the origin has been sent.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        batch: BatchId,
        rate: Rate,
        sent: &SlidingWindow<Sent>,
    ) -> Result<(), Instant> {
        self.booked.retain(|booking| now.since(booking.at) <= CATCH_UP);
        let booked = self.booked.iter().position(|booking| booking.batch == batch);
        let booked = booked.map(|place| self.booked.remove(place).at);
        let meter = self.meter(now, rate, sent);
        let at = booked.unwrap_or_else(|| self.next(meter, now));
        if at > now {
            self.book(batch, at);
            return Err(at);
        }
        self.charge(now, at);
        if booked.is_some() {
            // A timer that came late may have passed the time of the next one too.
            let meter = self.meter(now, rate, sent);
            let next = self.next(meter, at);
            if next <= now {
                self.book(batch, next);
            }
        }
        Ok(())
    }

    /// An attempt is made, which was due at that time.
    pub(crate) fn charge(&mut self, now: Instant, at: Instant) {
        self.meters.iter_mut().for_each(|meter| meter.charge(now, at, 1));
    }

    /// Gives back the time that a batch has booked.
    pub(crate) fn release(&mut self, batch: BatchId) {
        self.booked.retain(|booking| booking.batch != batch);
    }

    /// When all buckets will be full: until then they must not be forgotten.
    pub(crate) fn full_at(&self) -> Instant {
        self.meters.iter().map(|meter| meter.full_at).max().unwrap_or_default()
    }

    fn book(&mut self, batch: BatchId, at: Instant) {
        if self.booked.len() < MOST_BOOKED {
            let place = self.booked.partition_point(|booking| booking.at <= at);
            self.booked.insert(place, Reservation { batch, at });
        }
    }

    /// The bucket of this rate.
    fn meter(&mut self, now: Instant, rate: Rate, sent: &SlidingWindow<Sent>) -> Meter {
        if let Some(meter) = self.meters.iter().find(|meter| meter.rate == rate) {
            return *meter;
        }
        if self.meters.len() >= MOST_METERS {
            let first = self.meters.iter().enumerate().min_by_key(|(_, meter)| meter.full_at);
            first.map(|(place, _)| place).map(|place| self.meters.swap_remove(place));
        }
        let meter = Meter::of(rate, now, sent);
        self.meters.push(meter);
        meter
    }

    /// The first time from `from` on at which an attempt is due by this bucket, without taking from what is booked.
    fn next(&self, mut meter: Meter, from: Instant) -> Instant {
        for booking in &self.booked {
            let at = meter.due().max(from);
            let mut after = meter;
            after.charge(at, at, 1);
            if after.due() <= booking.at {
                return at;
            }
            meter.charge(booking.at.max(from), booking.at, 1);
        }
        meter.due().max(from)
    }
}

impl Meter {
    /// That of a rate that was not looked at so far. What was sent in a second counts as sent at its end: with that, it lets no more go
    /// than it would have.
    fn of(rate: Rate, now: Instant, sent: &SlidingWindow<Sent>) -> Self {
        let mut meter = Self { rate, full_at: Instant::default() };
        for (end, sent) in sent.by_second(now) {
            meter.charge(end, end, sent.all);
        }
        meter
    }

    /// When there is a token in it.
    fn due(&self) -> Instant {
        let others = self.rate.each() * self.rate.burst.max(1).saturating_sub(1);
        let others = u64::try_from(others.as_nanos()).unwrap_or(u64::MAX);
        Instant::from_nanos(self.full_at.as_nanos().saturating_sub(others))
    }

    /// Takes so many tokens out that were due at that time, as far as there are any by now.
    fn charge(&mut self, now: Instant, at: Instant, tokens: u32) {
        let each = self.rate.each();
        let taken = self.full_at.max(at) + each.saturating_mul(tokens);
        let empty = now + each * self.rate.burst.max(1);
        self.full_at = self.full_at.max(taken.min(empty));
    }
}

impl Rate {
    /// From one attempt to the next.
    fn each(self) -> Duration {
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

    fn take(pace: &mut TokenBucket, now: u64, batch: BatchId, rate: Rate) -> Result<(), Instant> {
        pace.take(ms(now), batch, rate, &SlidingWindow::default())
    }

    #[test]
    fn after_the_burst_there_is_one_at_a_time() {
        let mut pace = TokenBucket::default();
        for _ in 0..3 {
            assert_eq!(take(&mut pace, 1_000, A, TEN), Ok(()));
        }
        assert_eq!(take(&mut pace, 1_000, A, TEN), Err(ms(1_100)));
        assert_eq!(take(&mut pace, 1_099, A, TEN), Err(ms(1_100)));
        assert_eq!(take(&mut pace, 1_100, A, TEN), Ok(()));
        assert_eq!(take(&mut pace, 1_100, A, TEN), Err(ms(1_200)));
    }

    #[test]
    fn a_pause_fills_the_bucket_and_no_more() {
        let mut pace = TokenBucket::default();
        let taken = |pace: &mut TokenBucket, now| {
            pace.release(A);
            (0..100).take_while(|_| take(pace, now, A, TEN).is_ok()).count()
        };
        assert_eq!(taken(&mut pace, 1_000), 3);
        assert_eq!(taken(&mut pace, 1_200), 2);
        assert_eq!(taken(&mut pace, 60_000), 3);
    }

    #[test]
    fn those_with_one_rate_have_their_turns() {
        let mut pace = TokenBucket::default();
        assert_eq!(take(&mut pace, 0, A, HUNDRED), Ok(()));
        assert_eq!(take(&mut pace, 0, A, HUNDRED), Err(ms(10)));
        assert_eq!(take(&mut pace, 0, B, HUNDRED), Err(ms(20)));
        assert_eq!(take(&mut pace, 10, A, HUNDRED), Ok(()));
        assert_eq!(take(&mut pace, 10, A, HUNDRED), Err(ms(30)));
        assert_eq!(take(&mut pace, 20, B, HUNDRED), Ok(()));
    }

    /// L5: what another has sent beyond a batch's own burst is no debt of that batch.
    #[test]
    fn anothers_burst_takes_a_burst_and_not_the_rate() {
        let (mut pace, flood) = (TokenBucket::default(), Rate { rate: 1, burst: 100_000 });
        assert_eq!(take(&mut pace, 0, B, HUNDRED), Ok(()));
        for _ in 0..5_000 {
            assert_eq!(take(&mut pace, 1, A, flood), Ok(()));
        }
        assert_eq!(take(&mut pace, 1, B, HUNDRED), Err(ms(11)));
        for now in 1..11 {
            assert_eq!(take(&mut pace, now, A, flood), Ok(()));
        }
        assert_eq!(take(&mut pace, 11, B, HUNDRED), Ok(()));
    }

    #[test]
    fn a_slower_one_is_not_starved_and_all_keep_to_the_faster() {
        let (mut pace, fast) = (TokenBucket::default(), Rate { rate: 1_000, burst: 1 });
        let (mut of_fast, mut of_slow) = (0, 0);
        for now in 0..10_000 {
            of_slow += u32::from(take(&mut pace, now, B, HUNDRED).is_ok());
            of_fast += u32::from(take(&mut pace, now, A, fast).is_ok());
        }
        assert!((800..=1_000).contains(&of_slow), "{of_slow}");
        assert!((9_900..=10_001).contains(&(of_fast + of_slow)), "{of_fast} and {of_slow}");
    }

    /// L7: an attempt that is late counts as made when it was due, within a bound.
    #[test]
    fn what_a_late_timer_costs_is_made_up_for_unless_it_is_very_late() {
        let mut pace = TokenBucket::default();
        let taken = |pace: &mut TokenBucket, now| (0..100).take_while(|_| take(pace, now, A, HUNDRED).is_ok()).count();
        assert_eq!(taken(&mut pace, 0), 1);
        assert_eq!(taken(&mut pace, 35), 3, "at 10, 20, 30");
        assert_eq!(taken(&mut pace, 40), 1);
        assert_eq!(taken(&mut pace, 500), 1, "the one at 50 is too long ago");
    }

    #[test]
    fn a_rate_that_is_new_counts_what_was_sent_before() {
        let (mut pace, mut sent) = (TokenBucket::default(), SlidingWindow::default());
        sent.add(ms(1_500), Sent { all: 2, ..Sent::default() });
        assert_eq!(pace.take(ms(1_600), A, TEN, &sent), Ok(()));
        assert_eq!(pace.take(ms(1_600), A, TEN, &sent), Err(ms(1_700)));
    }

    #[test]
    fn nothing_of_it_grows_without_end() {
        let mut pace = TokenBucket::default();
        for batch in 0..1_000 {
            let rate = Rate { rate: 1 + u32::try_from(batch).unwrap() % 50, burst: 1 };
            let _ = pace.take(ms(0), BatchId::new(batch), rate, &SlidingWindow::default());
            assert!(pace.meters.len() <= MOST_METERS && pace.booked.len() <= MOST_BOOKED);
        }
    }
}
