//! Conversion of a value between equivalent types.

use fantail_engine::Cause;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// Conversion between equivalent types. [`From`] cannot be implemented between two types of other crates.
pub trait Convert<To> {
    /// The value as `To`.
    fn convert(self) -> To;
}

macro_rules! same {
    ($($Type:ty)*) => {
        $(impl Convert<$Type> for $Type {
            fn convert(self) -> $Type {
                self
            }
        })*
    };
}

same!(u32 u64 bool String Vec<String>);

impl<From: Convert<To>, To> Convert<Option<To>> for Option<From> {
    fn convert(self) -> Option<To> {
        self.map(From::convert)
    }
}

/// Nanoseconds, in which the interface reports times.
impl Convert<u64> for Duration {
    fn convert(self) -> u64 {
        u64::try_from(self.as_nanos()).unwrap_or(u64::MAX)
    }
}

impl Convert<Duration> for u64 {
    fn convert(self) -> Duration {
        Duration::from_nanos(self)
    }
}

/// Milliseconds, in which callers set times. Rounded up, so that a short time does not become zero.
impl Convert<u32> for Duration {
    fn convert(self) -> u32 {
        u32::try_from(self.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX)
    }
}

impl Convert<Duration> for u32 {
    fn convert(self) -> Duration {
        Duration::from_millis(self.into())
    }
}

/// Byte limits set by callers. A value that does not fit is out of bounds in any case.
impl Convert<u32> for u64 {
    fn convert(self) -> u32 {
        u32::try_from(self).unwrap_or(u32::MAX)
    }
}

impl Convert<u64> for u32 {
    fn convert(self) -> u64 {
        self.into()
    }
}

impl Convert<String> for SocketAddr {
    fn convert(self) -> String {
        self.to_string()
    }
}

impl Convert<Option<SocketAddr>> for Option<String> {
    fn convert(self) -> Option<SocketAddr> {
        self.and_then(|address| address.parse().ok())
    }
}

impl Convert<Vec<(String, u64)>> for BTreeMap<Cause, u64> {
    fn convert(self) -> Vec<(String, u64)> {
        self.into_iter().map(|(cause, count)| (cause.name().to_owned(), count)).collect()
    }
}

/// Causes that were added to the registry after this was built count as other.
impl Convert<BTreeMap<Cause, u64>> for Vec<(String, u64)> {
    fn convert(self) -> BTreeMap<Cause, u64> {
        let mut by_cause = BTreeMap::new();
        for (cause, count) in self {
            *by_cause.entry(cause.parse().unwrap_or(Cause::Other)).or_default() += count;
        }
        by_cause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_set_by_callers_are_rounded_up_to_milliseconds() {
        let millis = |nanos| -> u32 { Duration::from_nanos(nanos).convert() };
        assert_eq!([0, 1, 999_999, 1_000_000, 1_000_001].map(millis), [0, 1, 1, 1, 2]);
        let forever: u32 = Duration::MAX.convert();
        assert_eq!(forever, u32::MAX);
    }

    #[test]
    fn an_unknown_cause_counts_as_other() {
        let counts = vec![("connection-refused".to_owned(), 2), ("new".to_owned(), 1), ("newer".to_owned(), 3)];
        let counts: BTreeMap<Cause, u64> = counts.convert();
        assert_eq!(counts, BTreeMap::from([(Cause::ConnectionRefused, 2), (Cause::Other, 4)]));
    }
}
