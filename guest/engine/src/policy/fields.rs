//! The table of a policy's fields. Everything else about a field is generated from it: [`Policy`], [`Settings`], the setters of the WIT
//! interface, the JSON form, the options of the command line, and the tables in README and in the interface.

use super::bounds::{Bounds, checked};
use super::{BodyMode, FieldValue, Hedge, MAX_BODY, MIN_WINDOW_BYTES, Order, PolicyError, Until, Value, WINDOW_BYTES};
use std::time::Duration;

/// One field of a policy, for code that reads, writes or documents policies.
#[derive(Debug)]
pub struct Field {
    /// Its name in Rust. In the WIT interface its setter is `set-` and this with dashes.
    pub name: &'static str,
    /// Its place in the JSON form, such as `timeouts.connect`. None: no caller sets it there.
    pub json: Option<&'static str>,
    /// Its long option on the command line, without dashes.
    pub option: Option<&'static str>,
    /// What it does, in one or a few sentences.
    pub doc: &'static str,
    /// Its default, in words.
    pub default: &'static str,
    /// Its bounds, if a value can be out of bounds.
    pub bounds: Option<Bounds>,
    /// Some value of its kind.
    pub example: fn() -> Value,
    /// Its value in a policy.
    pub get: fn(&Policy) -> Option<Value>,
    /// Sets it. False: the value is of another kind.
    pub set: fn(&mut Policy, Value) -> bool,
}

macro_rules! value_type {
    (count) => {
        u32
    };
    (size) => {
        u64
    };
    (span) => {
        Duration
    };
    (flag) => {
        bool
    };
    (body_mode) => {
        BodyMode
    };
    (order) => {
        Order
    };
    (until) => {
        Until
    };
    (hedge) => {
        Hedge
    };
}

/// The type of a field in [`Settings`]: optional where it has no default.
macro_rules! setting_type {
    ($kind:ident none) => { Option<value_type!($kind)> };
    ($kind:ident $default:expr) => { value_type!($kind) };
}

macro_rules! setting {
    ($given:ident none) => {
        $given
    };
    ($given:ident $default:expr) => {
        $given.unwrap_or($default)
    };
}

macro_rules! optional {
    () => {
        None
    };
    ($value:expr) => {
        Some($value)
    };
}

macro_rules! fields {
    ($d:tt $(
        $(#[doc = $doc:literal])+
        $name:ident: $kind:ident = $default:tt $words:literal
            $(, within $bounds:expr)? $(, json $json:literal)? $(, option $option:literal)?;
    )*) => {
        /// The rules of a batch as the caller gives them. A field that is none has its default.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Policy {
            $(
                $(#[doc = $doc])+
                #[doc = ""]
                #[doc = concat!("Default: ", $words, ".")]
                pub $name: Option<value_type!($kind)>,
            )*
        }

        /// A policy with every default filled in and every bound checked.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Settings {
            $( $(#[doc = $doc])+ pub $name: setting_type!($kind $default), )*
        }

        /// Every field of a policy, in the order of the documentation.
        pub const FIELDS: &[Field] = &[$(
            Field {
                name: stringify!($name),
                json: optional!($($json)?),
                option: optional!($($option)?),
                doc: concat!($($doc),+),
                default: $words,
                bounds: optional!($($bounds)?),
                example: || <value_type!($kind)>::EXAMPLE.into_value(),
                get: |policy| policy.$name.map(FieldValue::into_value),
                set: |policy, value| {
                    policy.$name = FieldValue::from_value(value);
                    policy.$name.is_some()
                },
            },
        )*];

        impl Policy {
            /// This policy, with every field that is not set taken from `base`.
            #[must_use]
            pub fn over(&self, base: &Policy) -> Policy {
                Policy { $($name: self.$name.or(base.$name),)* }
            }

            /// Fills in the defaults and checks every bound; the first field out of bounds is the error.
            pub(super) fn settings(&self) -> Result<Settings, PolicyError> {
                $(
                    let $name = checked(stringify!($name), self.$name, optional!($($bounds)?))?;
                    let $name = setting!($name $default);
                )*
                Ok(Settings { $($name,)* })
            }
        }

        /// Calls a macro with `kind name;` of every field of [`Policy`](crate::Policy).
        #[macro_export]
        macro_rules! for_each_field {
            ($d then:ident) => {
                $d then! { $($kind $name;)* }
            };
        }
    };
}

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const SEVEN_DAYS: u64 = 7 * DAY;
const MIB: u64 = 1 << 20;

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fields! { $
    /// Maximum requests in flight. A second attempt (`hedge`) counts as another request.
    concurrency: count = 64 "64", within Bounds::count(1, 4_096), json "concurrency", option "concurrency";
    /// Maximum requests in flight to one origin (scheme, host and port). Each batch counts its own.
    per_origin: count = concurrency "as `concurrency`", within Bounds::count(1, 4_096), json "limits.per_origin", option "per-origin";
    /// Enables an adaptive limit per origin, between this and `per_origin`.
    per_origin_floor: count = none "a fixed limit", within Bounds::count(1, 4_096), json "limits.per_origin_floor", option "per-origin-floor";
    /// Maximum attempts per second to one origin.
    rate: count = none "none", within Bounds::count(1, 100_000), json "limits.rate", option "rate";
    /// Attempts to one origin that may start at once after a pause, if `rate` is set.
    burst: count = 1 "1", within Bounds::count(1, 100_000), json "limits.burst", option "burst";
    /// Maximum requests read whose outcomes have not been taken: waiting, in flight, or finished.
    window: count = (concurrency * 2) "twice `concurrency`", within Bounds::count(1, 65_536), json "limits.window", option "window";
    /// Maximum bytes that these requests and outcomes hold in memory together.
    window_bytes: size = WINDOW_BYTES "128 MiB", within Bounds::bytes(MIN_WINDOW_BYTES, 1 << 30), json "limits.window_bytes", option "window-bytes";
    /// How bodies are handled: `discard`, `bytes` or `unread`.
    body: body_mode = (BodyMode::Bytes) "`bytes`", json "body", option "body";
    /// Maximum bytes kept of one body. A longer body is a failure.
    max_body: size = MIB "1 MiB", within Bounds::bytes(0, MAX_BODY), json "limits.max_body", option "max-body";
    /// Maximum unread bodies that were handed out and have not ended.
    max_unread: count = (4_096.min(concurrency * 2)) "twice `concurrency`", within Bounds::count(1, 4_096), json "limits.max_unread";
    /// Time to resolve the name, to connect, and for the TLS handshake: this long for each.
    connect_timeout: span = (millis(5_000)) "5 s", within Bounds::millis(1, HOUR), json "timeouts.connect", option "connect-timeout";
    /// Time from sending a request to the whole response head.
    head_timeout: span = (millis(15_000)) "15 s", within Bounds::millis(1, HOUR), json "timeouts.head", option "head-timeout";
    /// Time between two pieces of a body.
    idle_timeout: span = (millis(15_000)) "15 s", within Bounds::millis(1, HOUR), json "timeouts.idle", option "idle-timeout";
    /// Time for one attempt, including its body.
    attempt_timeout: span = (millis(30_000)) "30 s", within Bounds::millis(1, DAY), json "timeouts.attempt", option "attempt-timeout";
    /// Time for one request, including waiting.
    timeout: span = (millis(60_000)) "60 s", within Bounds::millis(0, SEVEN_DAYS), json "timeouts.request", option "timeout";
    /// Time for the whole batch.
    deadline: span = none "none", within Bounds::millis(0, SEVEN_DAYS), json "timeouts.batch", option "deadline";
    /// The order of outcomes: `completion` or `input`.
    order: order = (Order::Completion) "`completion`", json "order", option "order";
    /// When the batch stops: `all`, `first-failure`, or a number of successes (responses with a status below 400).
    until: until = (Until::All) "`all`", within Bounds::count(1, u32::MAX), json "until", option "until";
    /// Maximum retries of a failed request, if repeating it does no harm.
    retries: count = 0 "0", within Bounds::count(0, 10), json "retry.attempts", option "retries";
    /// Maximum wait before the first retry; it doubles with each further retry.
    backoff: span = (millis(100)) "100 ms", within Bounds::millis(1, HOUR), json "retry.backoff", option "backoff";
    /// Maximum wait before any retry.
    max_backoff: span = (millis(10_000)) "10 s", within Bounds::millis(1, HOUR), json "retry.max_backoff", option "max-backoff";
    /// Retries allowed to one origin, as a percentage of its requests over the last ten seconds.
    retry_percent: count = 20 "20", within Bounds::count(0, 1_000), json "retry.percent", option "retry-percent";
    /// Retries per second allowed in addition.
    retry_per_second: count = 10 "10", within Bounds::count(0, 100_000), json "retry.per_second", option "retry-per-second";
    /// Time without a response head after which a second attempt is started in parallel; `auto`: the 95th percentile of the origin's recent head times.
    hedge: hedge = none "never", within Bounds::millis(1, HOUR), json "hedge", option "hedge";
    /// Percentage of failed attempts to one origin, over ten seconds, at which its circuit breaker opens. 0: never.
    breaker_percent: count = 0 "0", within Bounds::count(0, 100), json "breaker.percent", option "breaker";
    /// Minimum attempts in these ten seconds before the breaker may open.
    breaker_minimum: count = 20 "20", within Bounds::count(1, 100_000), json "breaker.minimum", option "breaker-minimum";
    /// Time that a breaker stays open before one request probes the origin.
    breaker_open: span = (millis(5_000)) "5 s", within Bounds::millis(1, HOUR), json "breaker.open", option "breaker-open";
    /// Maximum redirects followed for one request.
    redirects: count = 0 "0", within Bounds::count(0, 20), json "redirects", option "redirects";
    /// Whether a GET or HEAD shares the answer of an identical one that is under way.
    coalesce: flag = false "no", json "coalesce", option "coalesce";
    /// Whether the host reports what it observes of each attempt. The host that runs the component sets this.
    host_facts: flag = false "no";
}
