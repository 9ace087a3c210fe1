//! Values of a request's options.

use crate::value;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;
use std::time::Duration;

/// A span of time as people write it: `"250ms"` or `"5s"`.
#[derive(Clone, Copy)]
pub(crate) struct Span(pub(crate) Duration);

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(self.0))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Value::deserialize(deserializer)?;
        let expected = |what| de::Error::custom(format_args!("expected {what}, not {json}"));
        value::span(&json, "").map(Span).map_err(expected)
    }
}

/// Body modes by their names in the WIT interface.
pub(crate) mod body_mode {
    use super::{Deserialize, Deserializer, Serialize, Serializer, value};
    use fantail_engine::BodyMode;
    use serde::de::Error;

    pub(crate) fn serialize<S: Serializer>(mode: &Option<BodyMode>, serializer: S) -> Result<S::Ok, S::Error> {
        mode.map(BodyMode::name).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<BodyMode>, D::Error> {
        let name: Option<String> = Option::deserialize(deserializer)?;
        let mode = |name: String| BodyMode::named(&name).ok_or(name);
        let unknown = |name| D::Error::custom(format_args!("expected {}, not {name:?}", value::BODY_MODES));
        name.map(mode).transpose().map_err(unknown)
    }
}
