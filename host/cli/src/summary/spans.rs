//! Percentiles of spans of time.

use fantail::Latency;
use hdrhistogram::Histogram;
use std::time::Duration;

/// Spans from 1 µs to 7 days, each within 1 %: about 30 KiB, however many.
pub(crate) struct Spans {
    histogram: Histogram<u64>,
    max: Duration,
}

impl Default for Spans {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "1 µs to 7 days with two digits is a valid range")]
        let histogram = Histogram::new_with_bounds(1, 7 * 24 * 3_600 * 1_000_000, 2).expect("a valid range");
        Self { histogram, max: Duration::ZERO }
    }
}

impl Spans {
    pub(crate) fn record(&mut self, span: Duration) {
        self.histogram.saturating_record(u64::try_from(span.as_micros()).unwrap_or(u64::MAX));
        self.max = self.max.max(span);
    }

    /// None if there are no spans.
    pub(crate) fn percentiles(&self) -> Option<Latency> {
        // A value is the upper end of its bucket, which may be above the longest span.
        let at = |quantile| Duration::from_micros(self.histogram.value_at_quantile(quantile)).min(self.max);
        let latency = || Latency { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: self.max };
        (!self.histogram.is_empty()).then(latency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_1_percent_and_never_above_the_longest() {
        let mut spans = Spans::default();
        assert_eq!(spans.percentiles(), None);
        for millis in 1..=1_000 {
            spans.record(Duration::from_millis(millis));
        }
        let Latency { p50, p99, max, .. } = spans.percentiles().unwrap();
        assert!((495..=505).contains(&p50.as_millis()) && (980..=1_000).contains(&p99.as_millis()), "{p50:?} {p99:?}");
        assert_eq!(max, Duration::from_secs(1));
    }
}
