//! How long an origin takes when it is slow.

use std::time::Duration;

/// Estimates the 95th percentile of the time to a head: counts in buckets a quarter of an octave wide, all halved when
/// there are many, so that older heads count less. 250 bytes, and O(1).
#[derive(Debug)]
pub(crate) struct LatencyEstimate {
    counts: [u16; BUCKETS],
    total: u16,
}

/// Up to one hour in microseconds; anything longer counts as that.
const BUCKETS: usize = 120;

/// Heads needed for an estimate.
const MIN_SAMPLES: u16 = 20;

/// Heads at which all counts are halved.
const MAX_SAMPLES: u16 = 1_000;

impl Default for LatencyEstimate {
    fn default() -> Self {
        Self { counts: [0; BUCKETS], total: 0 }
    }
}

impl LatencyEstimate {
    /// Records how long a head took, or how long it was waited for until it was given up.
    pub(crate) fn record(&mut self, span: Duration) {
        if let Some(count) = self.counts.get_mut(bucket(span)) {
            *count += 1;
            self.total += 1;
        }
        if self.total >= MAX_SAMPLES {
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.total = self.counts.iter().sum();
        }
    }

    /// An upper bound for 95 of 100 heads, at most a quarter too long; none before 20 heads.
    pub(crate) fn p95(&self) -> Option<Duration> {
        let mut slower = 0;
        let among_the_slowest = |(_, count): &(usize, &u16)| {
            slower += **count;
            slower > self.total / 20
        };
        let (bucket, _) = self.counts.iter().enumerate().rev().find(among_the_slowest)?;
        (self.total >= MIN_SAMPLES).then(|| upper_edge(bucket))
    }
}

/// Four buckets for each power of two, from 4 µs.
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
    fn at_most_five_of_a_hundred_heads_take_longer_than_p95() {
        let mut estimate = LatencyEstimate::default();
        for place in 0..10_000_u32 {
            estimate.record(if place % 100 < 4 { 500 * MS } else { MS * (place % 10 + 1) });
        }
        let p95 = estimate.p95().unwrap();
        assert!((10 * MS..=13 * MS).contains(&p95), "{p95:?}");
    }

    #[test]
    fn there_is_no_estimate_before_twenty_heads() {
        let mut estimate = LatencyEstimate::default();
        for _ in 1..MIN_SAMPLES {
            estimate.record(MS);
        }
        assert_eq!(estimate.p95(), None);
        estimate.record(MS);
        assert!(estimate.p95().is_some_and(|p95| p95 >= MS && p95 < 2 * MS));
    }

    #[test]
    fn old_heads_are_forgotten() {
        let mut estimate = LatencyEstimate::default();
        (0..2_000).for_each(|_| estimate.record(500 * MS));
        (0..10_000).for_each(|_| estimate.record(MS));
        assert!(estimate.p95().unwrap() < 2 * MS);
    }

    #[test]
    fn any_span_has_a_bucket_and_lies_below_its_upper_edge() {
        let mut estimate = LatencyEstimate::default();
        for span in [Duration::ZERO, Duration::MAX] {
            estimate.record(span);
        }
        for micros in (0..5_000).chain((12..31).map(|power| 1 << power)) {
            let span = Duration::from_micros(micros);
            let edge = upper_edge(bucket(span));
            assert!(edge > span && edge <= (span * 5 / 4).max(Duration::from_micros(5)), "{span:?} {edge:?}");
        }
    }
}
