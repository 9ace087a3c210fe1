//! The value of a field, whatever its kind.

use super::{BodyMode, Hedge, Order, Until};
use std::time::Duration;

/// The value of a field, whatever its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "kinds of values by their names")]
pub enum Value {
    Count(u32),
    Bytes(u64),
    Span(Duration),
    Flag(bool),
    BodyMode(BodyMode),
    Order(Order),
    Until(Until),
    Hedge(Hedge),
}

/// What a field's type can do.
pub(super) trait FieldValue: Copy {
    /// Some value.
    const EXAMPLE: Self;

    fn into_value(self) -> Value;

    /// None if the value is of another kind.
    fn from_value(value: Value) -> Option<Self>;

    /// The quantity that is checked against bounds: a number, bytes, or nanoseconds.
    fn measure(self) -> Option<u128> {
        None
    }

    fn in_words(self) -> String;
}

macro_rules! field_value {
    ($Type:ty, $Case:ident, $example:expr, |$value:ident| $words:expr $(, $measure:expr)?) => {
        impl FieldValue for $Type {
            const EXAMPLE: Self = $example;

            fn into_value(self) -> Value {
                Value::$Case(self)
            }

            fn from_value(value: Value) -> Option<Self> {
                if let Value::$Case(value) = value { Some(value) } else { None }
            }

            fn in_words(self) -> String {
                let $value = self;
                $words
            }

            $(fn measure(self) -> Option<u128> {
                let $value = self;
                $measure
            })?
        }
    };
}

field_value!(u32, Count, 0, |count| count.to_string(), Some(count.into()));
field_value!(u64, Bytes, 0, |bytes| format!("{bytes} bytes"), Some(bytes.into()));
field_value!(Duration, Span, Duration::ZERO, |span| format!("{span:?}"), Some(span.as_nanos()));
field_value!(bool, Flag, false, |flag| flag.to_string());
field_value!(BodyMode, BodyMode, BodyMode::Bytes, |mode| format!("{mode:?}"));
field_value!(Order, Order, Order::Completion, |order| format!("{order:?}"));
field_value!(
    Until,
    Until,
    Until::All,
    |until| match until {
        Until::Successes(count) => format!("{count} successes"),
        Until::All | Until::FirstFailure => format!("{until:?}"),
    },
    match until {
        Until::Successes(count) => Some(count.into()),
        Until::All | Until::FirstFailure => None,
    }
);
field_value!(
    Hedge,
    Hedge,
    Hedge::Auto,
    |hedge| match hedge {
        Hedge::After(delay) => format!("{delay:?}"),
        Hedge::Auto => "auto".to_owned(),
    },
    match hedge {
        Hedge::After(delay) => Some(delay.as_nanos()),
        Hedge::Auto => None,
    }
);
