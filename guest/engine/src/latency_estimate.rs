//! How long an origin takes when it takes long.

use std::time::Duration;

/// Estimates the 95th percentile of the time to a head: counts in buckets that are a quarter of an octave wide, all halved when
/// they have become many, so that what was long ago counts less. 250 bytes, and O(1).
#[derive(Debug)]
pub(crate) struct LatencyEstimate {
    counts: [u16; BUCKETS],
    total: u16,
}

/// Up to one hour in microseconds; what takes longer counts as that.
const BUCKETS: usize = 120;

/// Heads before which nothing is said.
const FEWEST: u16 = 20;

/// Heads with which all counts are halved.
const MOST: u16 = 1_000;

impl Default for LatencyEstimate {
    fn default() -> Self {
        Self { counts: [0; BUCKETS], total: 0 }
    }
}

impl LatencyEstimate {
    /// A head took this long, or was given up after it.
    pub(crate) fn record(&mut self, span: Duration) {
        if let Some(count) = self.counts.get_mut(bucket(span)) {
            *count += 1;
            self.total += 1;
        }
        if self.total >= MOST {
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.total = self.counts.iter().sum();
        }
    }

    /// What 95 of 100 heads do not take longer than, at most a quarter too long; none before 20 have come.
    pub(crate) fn p95(&self) -> Option<Duration> {
        let mut slower = 0;
        let among_the_slowest = |(_, count): &(usize, &u16)| {
            slower += **count;
            slower > self.total / 20
        };
        let (bucket, _) = self.counts.iter().enumerate().rev().find(among_the_slowest)?;
        (self.total >= FEWEST).then(|| upper_edge(bucket))
    }
}

/// Four for each power of two, from 4 µs.
fn bucket(span: Duration) -> usize {
    let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX).max(4);
    let octave = micros.ilog2() - 2;
    let quarter = micros >> octave & 3;
    (octave as usize * 4 + usize::try_from(quarter).unwrap_or_default()).min(BUCKETS - 1)
}

fn upper_edge(bucket: usize) -> Duration {
    Duration::from_micros((bucket as u64 % 4 + 5) << (bucket / 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn five_of_a_hundred_take_longer_than_it() {
        let mut slowness = LatencyEstimate::default();
        for place in 0..10_000_u32 {
            slowness.record(if place % 100 < 4 { 500 * MS } else { MS * (place % 10 + 1) });
        }
        let p95 = slowness.p95().unwrap();
        assert!((10 * MS..=13 * MS).contains(&p95), "{p95:?}");
    }

    #[test]
    fn before_there_are_enough_it_says_nothing() {
        let mut slowness = LatencyEstimate::default();
        for _ in 1..FEWEST {
            slowness.record(MS);
        }
        assert_eq!(slowness.p95(), None);
        slowness.record(MS);
        assert!(slowness.p95().is_some_and(|p95| p95 >= MS && p95 < 2 * MS));
    }

    #[test]
    fn what_was_long_ago_is_forgotten() {
        let mut slowness = LatencyEstimate::default();
        (0..2_000).for_each(|_| slowness.record(500 * MS));
        (0..10_000).for_each(|_| slowness.record(MS));
        assert!(slowness.p95().unwrap() < 2 * MS);
    }

    #[test]
    fn no_span_is_too_short_or_too_long_and_edges_lie_above_what_they_hold() {
        let mut slowness = LatencyEstimate::default();
        for span in [Duration::ZERO, Duration::MAX] {
            slowness.record(span);
        }
        for micros in (0..5_000).chain((12..31).map(|power| 1 << power)) {
            let span = Duration::from_micros(micros);
            let edge = upper_edge(bucket(span));
            assert!(edge > span && edge <= (span * 5 / 4).max(Duration::from_micros(5)), "{span:?} {edge:?}");
        }
    }
}
