//! Time as a value: the shell reads its clock and hands the reading in, so the engine never waits and tests never sleep.

use std::ops::Add;
use std::time::Duration;

/// A reading of the shell's monotonic clock, in nanoseconds since an origin chosen by the shell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The reading `nanos` nanoseconds after the clock's zero.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the clock's zero.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to `self`; zero if `earlier` is later.
    pub const fn since(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Saturates at the end of the clock, some 584 years in.
impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(u64::try_from(span.as_nanos()).map_or(u64::MAX, |nanos| self.0.saturating_add(nanos)))
    }
}
