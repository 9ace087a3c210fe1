//! Spans of time as `"250ms"` or `"5s"`.

use fantail_engine::Hedge;
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

/// A span of time, or `"auto"`.
pub(crate) struct HedgeJson(pub(crate) Hedge);

impl Serialize for HedgeJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Hedge::After(delay) => Span(delay).serialize(serializer),
            Hedge::Auto => serializer.serialize_str("auto"),
        }
    }
}

impl<'de> Deserialize<'de> for HedgeJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "auto" {
            return Ok(Self(Hedge::Auto));
        }
        let delay = humantime::parse_duration(&text);
        let invalid =
            |_| de::Error::custom(format_args!("{text:?} is neither \"auto\" nor a span of time like \"250ms\""));
        delay.map(|delay| Self(Hedge::After(delay))).map_err(invalid)
    }
}
