//! Spans of time as `"250ms"` or `"5s"`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::time::Duration;

/// A span of time as people write it.
#[derive(Clone, Copy)]
pub(crate) struct Span(pub(crate) Duration);

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(self.0))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let invalid = |error| de::Error::custom(format_args!("{text:?} is not a span of time like \"250ms\": {error}"));
        humantime::parse_duration(&text).map(Span).map_err(invalid)
    }
}
