//! How long requests took.

use hdrhistogram::Histogram;

/// The longest time told apart, in microseconds: 7 days.
const LONGEST_US: u64 = 7 * 24 * 3_600 * 1_000_000;

/// How long requests took, each within 1 % of the true value.
#[derive(Debug)]
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    pub(crate) fn new() -> Self {
        #[expect(clippy::expect_used, reason = "1 µs to 7 days with two digits is a valid range whatever comes in")]
        let mut histogram = Histogram::new_with_bounds(1, 1_000, 2).expect("a valid range");
        // It grows with the longest time, so that one of a fast origin is small.
        histogram.auto(true);
        Self(histogram)
    }

    pub(crate) fn add(&mut self, micros: u64) {
        // Within the bounds, and it grows.
        let _ = self.0.record(micros.clamp(1, LONGEST_US));
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// The time that this share of requests did not exceed, in microseconds.
    pub(crate) fn at(&self, quantile: f64) -> u64 {
        self.0.value_at_quantile(quantile)
    }

    pub(crate) fn max(&self) -> u64 {
        self.0.max()
    }

    /// Times in microseconds and how many requests took about as long, in ascending order.
    pub(crate) fn recorded(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value()))
    }
}
