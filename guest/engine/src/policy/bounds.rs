//! What a field of a policy may be.

use super::{FieldValue, PolicyError};
use std::fmt;

/// The values a field accepts: from the first to the second, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bounds {
    /// A number.
    Count(u32, u32),
    /// A number of bytes.
    Bytes(u64, u64),
    /// A span of time in milliseconds.
    Millis(u64, u64),
}

impl Bounds {
    pub(super) const fn count(min: u32, max: u32) -> Self {
        Self::Count(min, max)
    }

    pub(super) const fn bytes(min: u64, max: u64) -> Self {
        Self::Bytes(min, max)
    }

    pub(super) const fn millis(min: u64, max: u64) -> Self {
        Self::Millis(min, max)
    }

    /// Whether a value is within bounds, in numbers, bytes or nanoseconds.
    fn contains(self, measure: u128) -> bool {
        const NANOS: u128 = 1_000_000;
        let (min, max): (u128, u128) = match self {
            Bounds::Count(min, max) => (min.into(), max.into()),
            Bounds::Bytes(min, max) => (min.into(), max.into()),
            Bounds::Millis(min, max) => (u128::from(min) * NANOS, u128::from(max) * NANOS),
        };
        (min..=max).contains(&measure)
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Bounds::Count(min, u32::MAX) => write!(f, "at least {min}"),
            Bounds::Count(min, max) => write!(f, "{} to {}", grouped(min), grouped(max)),
            Bounds::Bytes(min, max) => write!(f, "{} to {}", bytes(min), bytes(max)),
            Bounds::Millis(min, max) => write!(f, "{} to {}", span(min), span(max)),
        }
    }
}

/// 4096 as `4,096`.
fn grouped(number: u32) -> String {
    match (number / 1_000, number % 1_000) {
        (0, rest) => rest.to_string(),
        (thousands, rest) => format!("{},{rest:03}", grouped(thousands)),
    }
}

fn bytes(bytes: u64) -> String {
    match bytes {
        0 => "0".to_owned(),
        _ if bytes.is_multiple_of(1 << 30) => format!("{} GiB", bytes >> 30),
        _ if bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} bytes"),
    }
}

fn span(millis: u64) -> String {
    const SECOND: u64 = 1_000;
    const HOUR: u64 = 3_600 * SECOND;
    const DAY: u64 = 24 * HOUR;
    match millis {
        0 => "0".to_owned(),
        _ if millis > DAY && millis.is_multiple_of(DAY) => format!("{} days", millis / DAY),
        _ if millis.is_multiple_of(HOUR) => format!("{} h", millis / HOUR),
        _ if millis.is_multiple_of(SECOND) => format!("{} s", millis / SECOND),
        _ => format!("{millis} ms"),
    }
}

/// The value of a field, if it is within bounds.
pub(super) fn checked<T: FieldValue>(
    field: &'static str,
    value: Option<T>,
    bounds: Option<Bounds>,
) -> Result<Option<T>, PolicyError> {
    let measured = value.and_then(|value| value.measure().map(|measure| (value, measure)));
    match (measured, bounds) {
        (Some((value, measure)), Some(bounds)) if !bounds.contains(measure) => {
            Err(PolicyError { field, reason: format!("{} is not within {bounds}", value.in_words()) })
        }
        _ => Ok(value),
    }
}
