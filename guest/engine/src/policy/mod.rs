//! The rules of a batch: as a caller writes them, and with every default filled in and every bound checked.

mod bounds;
mod fields;
mod names;
mod value;

pub use bounds::Bounds;
pub use fields::{FIELDS, Field, Policy, Settings};
pub use value::Value;

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;
use value::FieldValue;

/// What happens to a response's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyMode {
    /// Read to its end if it is short, then dropped.
    Discard,
    /// Read to its end and kept.
    Bytes,
    /// Handed out as a stream with the head.
    Unread,
}

/// In which order outcomes come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As requests finish.
    Completion,
    /// As requests were read.
    Input,
}

/// When a batch has enough. A success is a response with a status below 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// At the end of the input.
    All,
    /// After this many successes.
    Successes(u32),
    /// After the first outcome that is not a success.
    FirstFailure,
}

/// When a second attempt is made beside one that has had no head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hedge {
    /// After this long.
    After(Duration),
    /// When it takes longer than 95 of 100 heads of its origin did.
    Auto,
}

/// Why a policy was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    /// The field's [`name`](Field::name).
    pub field: &'static str,
    /// What is wrong and what is accepted.
    pub reason: String,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.reason)
    }
}

impl std::error::Error for PolicyError {}

impl Policy {
    /// Fills in the defaults and checks every bound; the first field outside its own is the error.
    pub fn resolve(&self) -> Result<Settings, PolicyError> {
        let settings = self.settings()?;
        match settings.per_origin_floor {
            Some(floor) if floor > settings.per_origin => {
                let reason = format!("{floor} is more than per_origin, which is {}", settings.per_origin);
                Err(PolicyError { field: "per_origin_floor", reason })
            }
            _ => Ok(settings),
        }
    }
}

impl Settings {
    /// The bounds within which an origin's limit adapts, if it does.
    pub(crate) fn adaptive(&self) -> Option<RangeInclusive<u32>> {
        self.per_origin_floor.map(|floor| floor..=self.per_origin)
    }
}

/// The default of [`Policy::window_bytes`]: a quarter of the memory that a harness gives an instance.
pub const WINDOW_BYTES: u64 = 128 << 20;

/// The least that [`Policy::window_bytes`] may be.
pub const MIN_WINDOW_BYTES: u64 = 64 << 10;

/// Bytes that may be kept of one body at most. An outcome with its body passes from one component to another, or to its
/// host, in one call, and wasmtime lets 128 MiB pass by default.
pub const MAX_BODY: u64 = 64 << 20;

/// The longest that a request or a batch may take: 7 days.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_policy_has_the_documented_defaults() {
        let settings = Policy::default().resolve().unwrap();
        assert_eq!((settings.concurrency, settings.window, settings.max_unread), (64, 128, 128));
        assert_eq!(settings.window_bytes, 134_217_728);
        assert_eq!((settings.body, settings.max_body), (BodyMode::Bytes, 1_048_576));
        assert_eq!(settings.connect_timeout, Duration::from_secs(5));
        assert_eq!(settings.head_timeout, Duration::from_secs(15));
        assert_eq!(settings.idle_timeout, Duration::from_secs(15));
        assert_eq!(settings.attempt_timeout, Duration::from_secs(30));
        assert_eq!((settings.timeout, settings.deadline), (Duration::from_secs(60), None));
        assert_eq!((settings.order, settings.until), (Order::Completion, Until::All));
        assert_eq!((settings.retries, settings.retry_percent, settings.retry_per_second), (0, 20, 10));
        assert_eq!((settings.redirects, settings.per_origin, settings.per_origin_floor), (0, 64, None));
        assert_eq!((settings.hedge, settings.rate, settings.burst, settings.coalesce), (None, None, 1, false));
        assert_eq!((settings.breaker_percent, settings.breaker_minimum), (0, 20));
        assert_eq!(settings.breaker_open, Duration::from_secs(5));
        assert_eq!((settings.backoff, settings.max_backoff), (Duration::from_millis(100), Duration::from_secs(10)));
    }

    #[test]
    fn a_value_outside_its_bounds_is_an_error_that_names_field_and_bounds() {
        let refused = |policy: Policy| policy.resolve().unwrap_err().to_string();
        let long = Some(Duration::from_secs(3_601));
        assert_eq!(
            refused(Policy { concurrency: Some(0), ..Policy::default() }),
            "concurrency: 0 is not within 1 to 4,096"
        );
        assert_eq!(
            refused(Policy { per_origin: Some(4), per_origin_floor: Some(5), ..Policy::default() }),
            "per_origin_floor: 5 is more than per_origin, which is 4"
        );
        assert_eq!(
            refused(Policy { hedge: Some(Hedge::After(Duration::ZERO)), ..Policy::default() }),
            "hedge: 0ns is not within 1 ms to 1 h"
        );
        assert_eq!(
            refused(Policy { window: Some(65_537), ..Policy::default() }),
            "window: 65537 is not within 1 to 65,536"
        );
        assert_eq!(
            refused(Policy { head_timeout: long, ..Policy::default() }),
            "head_timeout: 3601s is not within 1 ms to 1 h"
        );
        assert_eq!(
            refused(Policy { deadline: Some(Duration::MAX), ..Policy::default() }).split(':').next(),
            Some("deadline")
        );
        assert_eq!(
            refused(Policy { until: Some(Until::Successes(0)), ..Policy::default() }),
            "until: 0 successes is not within at least 1"
        );
    }

    #[test]
    fn the_largest_concurrency_has_defaults_within_bounds() {
        let settings = Policy { concurrency: Some(4_096), ..Policy::default() }.resolve().unwrap();
        assert_eq!((settings.window, settings.max_unread), (8_192, 4_096));
    }
}
