//! What a field of a policy may be.

use super::{FieldValue, PolicyError};
use std::fmt;

/// What a field may be: from the first to the second, both included.
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
    pub(super) const fn count(least: u32, most: u32) -> Self {
        Self::Count(least, most)
    }

    pub(super) const fn bytes(least: u64, most: u64) -> Self {
        Self::Bytes(least, most)
    }

    pub(super) const fn millis(least: u64, most: u64) -> Self {
        Self::Millis(least, most)
    }

    /// Whether a value is within, in numbers, bytes or nanoseconds.
    fn contains(self, measure: u128) -> bool {
        const NANOS: u128 = 1_000_000;
        let (least, most): (u128, u128) = match self {
            Bounds::Count(least, most) => (least.into(), most.into()),
            Bounds::Bytes(least, most) => (least.into(), most.into()),
            Bounds::Millis(least, most) => (u128::from(least) * NANOS, u128::from(most) * NANOS),
        };
        (least..=most).contains(&measure)
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Bounds::Count(least, u32::MAX) => write!(f, "at least {least}"),
            Bounds::Count(least, most) => write!(f, "{} to {}", grouped(least), grouped(most)),
            Bounds::Bytes(least, most) => write!(f, "{} to {}", bytes(least), bytes(most)),
            Bounds::Millis(least, most) => write!(f, "{} to {}", span(least), span(most)),
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
    given: Option<T>,
    bounds: Option<Bounds>,
) -> Result<Option<T>, PolicyError> {
    let measured = given.and_then(|value| value.measure().map(|measure| (value, measure)));
    match (measured, bounds) {
        (Some((value, measure)), Some(bounds)) if !bounds.contains(measure) => {
            Err(PolicyError { field, reason: format!("{} is not within {bounds}", value.in_words()) })
        }
        _ => Ok(given),
    }
}
