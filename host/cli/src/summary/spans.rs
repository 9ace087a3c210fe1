//! Percentiles of spans of time.

use fantail::Latency;
use hdrhistogram::Histogram;
use std::time::Duration;

/// Spans from 1 µs to 7 days, each within 1 %: about 30 KiB, however many.
pub(crate) struct Spans(Histogram<u64>);

impl Default for Spans {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "1 µs to 7 days with two digits is a valid range")]
        Self(Histogram::new_with_bounds(1, 7 * 24 * 3_600 * 1_000_000, 2).expect("a valid range"))
    }
}

impl Spans {
    pub(super) fn record(&mut self, span: Duration) {
        self.0.saturating_record(u64::try_from(span.as_micros()).unwrap_or(u64::MAX));
    }

    /// None if there are no spans.
    pub(super) fn percentiles(&self) -> Option<Latency> {
        let at = |quantile| Duration::from_micros(self.0.value_at_quantile(quantile));
        let latency = || Latency { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: at(1.0) };
        (!self.0.is_empty()).then(latency)
    }
}
