//! How much a report keeps.

use fantail_engine::Cause;

/// How much a report keeps. Everything else is only counted.
#[derive(Clone, Debug)]
pub struct Options {
    /// The slowest requests shown, in requests. Default: 50.
    pub slowest: usize,
    /// Requests of the sample, in requests. Default: 100.
    pub sample: usize,
    /// Origins counted apart, in origins; the others are one row. Default: 500.
    pub origins: usize,
    /// Bars of the chart over time, in bars. When there would be more, each stands for twice the time. Default: 120.
    pub bars: usize,
    /// Examples of each cause, in failures. Default: 3.
    pub examples: usize,
    /// A hint for each cause.
    pub hints: Option<fn(Cause) -> &'static str>,
}

impl Default for Options {
    fn default() -> Self {
        Self { slowest: 50, sample: 100, origins: 500, bars: 120, examples: 3, hints: None }
    }
}
