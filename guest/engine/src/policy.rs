//! The rules of a batch: as a caller writes them, and with every default filled in and every bound checked.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

/// The rules of a batch as the caller gives them. Defaults, units and bounds are those of the resource `policy` in the WIT interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "explained in wit/fetch/fetch.wit")]
pub struct Policy {
    pub concurrency: Option<u32>,
    pub window: Option<u32>,
    pub body: Option<BodyMode>,
    pub max_body: Option<u64>,
    pub max_unread: Option<u32>,
    pub connect_timeout: Option<Duration>,
    pub head_timeout: Option<Duration>,
    pub idle_timeout: Option<Duration>,
    pub attempt_timeout: Option<Duration>,
    pub timeout: Option<Duration>,
    pub deadline: Option<Duration>,
    pub order: Option<Order>,
    pub until: Option<Until>,
    pub retries: Option<u32>,
    pub backoff: Option<Duration>,
    pub max_backoff: Option<Duration>,
    pub retry_ratio: Option<u32>,
    pub retry_floor: Option<u32>,
    pub redirects: Option<u32>,
    pub per_origin: Option<u32>,
    pub per_origin_floor: Option<u32>,
    pub breaker_ratio: Option<u32>,
    pub breaker_minimum: Option<u32>,
    pub breaker_open: Option<Duration>,
    pub hedge: Option<Hedge>,
    pub rate: Option<u32>,
    pub burst: Option<u32>,
    pub coalesce: Option<bool>,
    pub host_facts: Option<bool>,
}

/// Calls a macro with every field of [`Policy`]: what kind of value it has, its own name, that of its setter in the WIT interface, and that of the
/// setter's call from a host.
#[macro_export]
macro_rules! for_each_field {
    ($then:ident) => {
        $then! {
            count concurrency set_concurrency call_set_concurrency;
            count window set_window call_set_window;
            body_mode body set_body call_set_body;
            size max_body set_max_body call_set_max_body;
            count max_unread set_max_unread call_set_max_unread;
            span connect_timeout set_connect_timeout call_set_connect_timeout;
            span head_timeout set_head_timeout call_set_head_timeout;
            span idle_timeout set_idle_timeout call_set_idle_timeout;
            span attempt_timeout set_attempt_timeout call_set_attempt_timeout;
            span timeout set_timeout call_set_timeout;
            span deadline set_deadline call_set_deadline;
            order order set_order call_set_order;
            until until set_until call_set_until;
            count retries set_retries call_set_retries;
            span backoff set_backoff call_set_backoff;
            span max_backoff set_max_backoff call_set_max_backoff;
            count retry_ratio set_retry_ratio call_set_retry_ratio;
            count retry_floor set_retry_floor call_set_retry_floor;
            count redirects set_redirects call_set_redirects;
            count per_origin set_per_origin call_set_per_origin;
            count per_origin_floor set_per_origin_floor call_set_per_origin_floor;
            count breaker_ratio set_breaker_ratio call_set_breaker_ratio;
            count breaker_minimum set_breaker_minimum call_set_breaker_minimum;
            span breaker_open set_breaker_open call_set_breaker_open;
            hedge hedge set_hedge call_set_hedge;
            count rate set_rate call_set_rate;
            count burst set_burst call_set_burst;
            flag coalesce set_coalesce call_set_coalesce;
            flag host_facts set_host_facts call_set_host_facts;
        }
    };
}

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
    /// The field as the WIT interface writes it.
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

/// A policy with every default filled in and every bound checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "explained in wit/fetch/fetch.wit")]
pub struct Settings {
    pub concurrency: u32,
    pub window: u32,
    pub body: BodyMode,
    pub max_body: u64,
    pub max_unread: u32,
    pub connect_timeout: Duration,
    pub head_timeout: Duration,
    pub idle_timeout: Duration,
    pub attempt_timeout: Duration,
    pub timeout: Duration,
    pub deadline: Option<Duration>,
    pub order: Order,
    pub until: Until,
    pub retries: u32,
    pub backoff: Duration,
    pub max_backoff: Duration,
    pub retry_ratio: u32,
    pub retry_floor: u32,
    pub redirects: u32,
    pub per_origin: u32,
    pub per_origin_floor: Option<u32>,
    pub breaker_ratio: u32,
    pub breaker_minimum: u32,
    pub breaker_open: Duration,
    pub hedge: Option<Hedge>,
    pub rate: Option<u32>,
    pub burst: u32,
    pub coalesce: bool,
    pub host_facts: bool,
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MILLISECOND: Duration = Duration::from_millis(1);

impl Policy {
    /// Fills in the defaults and checks every bound; the first field outside its own is the error.
    pub fn resolve(&self) -> Result<Settings, PolicyError> {
        let concurrency = within("concurrency", self.concurrency, 64, 1..=4_096)?;
        let per_origin = within("per-origin", self.per_origin, concurrency, 1..=4_096)?;
        if self.until == Some(Until::Successes(0)) {
            return Err(PolicyError { field: "until", reason: "successes(0) never runs, use at least 1".to_owned() });
        }
        Ok(Settings {
            concurrency,
            window: within("window", self.window, concurrency * 2, 1..=65_536)?,
            body: self.body.unwrap_or(BodyMode::Bytes),
            max_body: within("max-body", self.max_body, 1 << 20, 0..=MAX_BODY)?,
            max_unread: within("max-unread", self.max_unread, (concurrency * 2).min(4_096), 1..=4_096)?,
            connect_timeout: span("connect-timeout", self.connect_timeout, 5_000, MILLISECOND..=HOUR)?,
            head_timeout: span("head-timeout", self.head_timeout, 15_000, MILLISECOND..=HOUR)?,
            idle_timeout: span("idle-timeout", self.idle_timeout, 15_000, MILLISECOND..=HOUR)?,
            attempt_timeout: span("attempt-timeout", self.attempt_timeout, 30_000, MILLISECOND..=DAY)?,
            timeout: span("timeout", self.timeout, 60_000, Duration::ZERO..=MAX_TIMEOUT)?,
            deadline: self.deadline.map(|d| span("deadline", Some(d), 0, Duration::ZERO..=MAX_TIMEOUT)).transpose()?,
            order: self.order.unwrap_or(Order::Completion),
            until: self.until.unwrap_or(Until::All),
            retries: within("retries", self.retries, 0, 0..=10)?,
            backoff: span("backoff", self.backoff, 100, MILLISECOND..=HOUR)?,
            max_backoff: span("max-backoff", self.max_backoff, 10_000, MILLISECOND..=HOUR)?,
            retry_ratio: within("retry-ratio", self.retry_ratio, 20, 0..=1_000)?,
            retry_floor: within("retry-floor", self.retry_floor, 10, 0..=100_000)?,
            redirects: within("redirects", self.redirects, 0, 0..=20)?,
            per_origin,
            per_origin_floor: self
                .per_origin_floor
                .map(|floor| within("per-origin-floor", Some(floor), 0, 1..=per_origin))
                .transpose()?,
            breaker_ratio: within("breaker-ratio", self.breaker_ratio, 0, 0..=100)?,
            breaker_minimum: within("breaker-minimum", self.breaker_minimum, 20, 1..=100_000)?,
            breaker_open: span("breaker-open", self.breaker_open, 5_000, MILLISECOND..=HOUR)?,
            rate: self.rate.map(|rate| within("rate", Some(rate), 0, 1..=100_000)).transpose()?,
            burst: within("burst", self.burst, 1, 1..=100_000)?,
            coalesce: self.coalesce.unwrap_or(false),
            host_facts: self.host_facts.unwrap_or(false),
            hedge: self.hedge.map(hedge).transpose()?,
        })
    }
}

impl Settings {
    /// Between what the limit of an origin adapts, if it does.
    pub(crate) fn adaptive(&self) -> Option<RangeInclusive<u32>> {
        self.per_origin_floor.map(|floor| floor..=self.per_origin)
    }
}

/// Bytes that may be kept of one body at most: an outcome with it passes from one component to another, or to its host, in one call, and
/// wasmtime lets 128 MiB pass unless told otherwise.
pub const MAX_BODY: u64 = 64 << 20;

/// The longest that a request or a batch may take: 7 days.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

fn within<T: PartialOrd + fmt::Display + Copy>(
    field: &'static str,
    given: Option<T>,
    default: T,
    bounds: RangeInclusive<T>,
) -> Result<T, PolicyError> {
    let value = given.unwrap_or(default);
    if bounds.contains(&value) {
        return Ok(value);
    }
    let reason = format!("{value} is outside {} to {}", bounds.start(), bounds.end());
    Err(PolicyError { field, reason })
}

fn span(
    field: &'static str,
    given: Option<Duration>,
    default_ms: u64,
    bounds: RangeInclusive<Duration>,
) -> Result<Duration, PolicyError> {
    let value = given.unwrap_or(Duration::from_millis(default_ms));
    if bounds.contains(&value) {
        return Ok(value);
    }
    let reason = format!("{value:?} is outside {} to {}", in_words(*bounds.start()), in_words(*bounds.end()));
    Err(PolicyError { field, reason })
}

fn hedge(hedge: Hedge) -> Result<Hedge, PolicyError> {
    match hedge {
        Hedge::After(delay) => span("hedge", Some(delay), 0, MILLISECOND..=HOUR).map(Hedge::After),
        Hedge::Auto => Ok(Hedge::Auto),
    }
}

fn in_words(span: Duration) -> String {
    match span {
        _ if span >= DAY => format!("{} d", span.as_secs() / DAY.as_secs()),
        _ if span >= HOUR => format!("{} h", span.as_secs() / HOUR.as_secs()),
        _ if span >= MINUTE => format!("{} min", span.as_secs() / MINUTE.as_secs()),
        _ => format!("{} ms", span.as_millis()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_policy_has_the_documented_defaults() {
        let settings = Policy::default().resolve().unwrap();
        assert_eq!((settings.concurrency, settings.window, settings.max_unread), (64, 128, 128));
        assert_eq!((settings.body, settings.max_body), (BodyMode::Bytes, 1_048_576));
        assert_eq!(settings.connect_timeout, Duration::from_secs(5));
        assert_eq!(settings.head_timeout, Duration::from_secs(15));
        assert_eq!(settings.idle_timeout, Duration::from_secs(15));
        assert_eq!(settings.attempt_timeout, Duration::from_secs(30));
        assert_eq!((settings.timeout, settings.deadline), (Duration::from_secs(60), None));
        assert_eq!((settings.order, settings.until), (Order::Completion, Until::All));
        assert_eq!((settings.retries, settings.retry_ratio, settings.retry_floor), (0, 20, 10));
        assert_eq!((settings.redirects, settings.per_origin, settings.per_origin_floor), (0, 64, None));
        assert_eq!((settings.hedge, settings.rate, settings.burst, settings.coalesce), (None, None, 1, false));
        assert_eq!((settings.breaker_ratio, settings.breaker_minimum), (0, 20));
        assert_eq!(settings.breaker_open, Duration::from_secs(5));
        assert_eq!((settings.backoff, settings.max_backoff), (Duration::from_millis(100), Duration::from_secs(10)));
    }

    #[test]
    fn a_value_outside_its_bounds_is_an_error_that_names_field_and_bounds() {
        let refused = |policy: Policy| policy.resolve().unwrap_err().to_string();
        let long = Some(Duration::from_secs(3_601));
        assert_eq!(
            refused(Policy { concurrency: Some(0), ..Policy::default() }),
            "concurrency: 0 is outside 1 to 4096"
        );
        assert_eq!(
            refused(Policy { per_origin: Some(4), per_origin_floor: Some(5), ..Policy::default() }),
            "per-origin-floor: 5 is outside 1 to 4"
        );
        assert_eq!(
            refused(Policy { hedge: Some(Hedge::After(Duration::ZERO)), ..Policy::default() }),
            "hedge: 0ns is outside 1 ms to 1 h"
        );
        assert_eq!(
            refused(Policy { window: Some(65_537), ..Policy::default() }),
            "window: 65537 is outside 1 to 65536"
        );
        assert_eq!(
            refused(Policy { head_timeout: long, ..Policy::default() }),
            "head-timeout: 3601s is outside 1 ms to 1 h"
        );
        assert_eq!(
            refused(Policy { deadline: Some(Duration::MAX), ..Policy::default() }).split(':').next(),
            Some("deadline")
        );
        assert_eq!(
            refused(Policy { until: Some(Until::Successes(0)), ..Policy::default() }),
            "until: successes(0) never runs, use at least 1"
        );
    }

    #[test]
    fn the_largest_concurrency_has_defaults_within_bounds() {
        let settings = Policy { concurrency: Some(4_096), ..Policy::default() }.resolve().unwrap();
        assert_eq!((settings.window, settings.max_unread), (8_192, 4_096));
    }
}
