//! What a line of input says of a request beside the request itself, and the line of its outcome repeats.

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::fmt;
use std::str::FromStr;

/// A caller's own id of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Id {
    /// A number.
    Number(u64),
    /// Text.
    Text(String),
}

impl Id {
    /// The number, if it is one.
    pub fn number(&self) -> Option<u64> {
        match self {
            Id::Number(number) => Some(*number),
            Id::Text(_) => None,
        }
    }
}

impl From<u64> for Id {
    fn from(number: u64) -> Self {
        Id::Number(number)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Id::Number(number) => number.fmt(f),
            Id::Text(text) => f.write_str(text),
        }
    }
}

/// Not an untagged enum, whose errors would not say what was found.
impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IdVisitor;

        impl Visitor<'_> for IdVisitor {
            type Value = Id;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number from 0 or a string")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Id, E> {
                Ok(Id::Number(number))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Id, E> {
                Ok(Id::Text(text.to_owned()))
            }
        }
        deserializer.deserialize_any(IdVisitor)
    }
}

/// A caller's own object, kept as it was written, but on one line.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Meta(Box<RawValue>);

impl Meta {
    /// An object with these names and texts, in this order.
    pub fn from_texts<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut object = Vec::from(b"{");
        for (index, (name, text)) in fields.into_iter().enumerate() {
            if index > 0 {
                object.push(b',');
            }
            crate::text::write_text(name, &mut object);
            object.push(b':');
            crate::text::write_text(text, &mut object);
        }
        object.push(b'}');
        #[expect(clippy::expect_used, reason = "an object of strings is JSON")]
        let raw = String::from_utf8(object).ok().and_then(|object| RawValue::from_string(object).ok()).expect("JSON");
        Self(raw)
    }

    /// The object as it was written.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}

impl PartialEq for Meta {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Meta {}

/// From an object as it was written.
impl FromStr for Meta {
    type Err = serde_json::Error;

    fn from_str(object: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(object)
    }
}

impl<'de> Deserialize<'de> for Meta {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        if !raw.get().starts_with('{') {
            return Err(D::Error::custom("expected an object"));
        }
        if raw.get().contains(['\n', '\r']) {
            // White space between its parts, since texts have none of these unescaped (RFC 8259, section 7). An outcome is one line.
            let line = raw.get().replace(['\n', '\r'], " ");
            return RawValue::from_string(line).map(Self).map_err(D::Error::custom);
        }
        Ok(Self(raw))
    }
}

/// What belongs to a request's outcome beside what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// The caller's id. Without one, the outcome's number is written.
    pub id: Option<Id>,
    /// The request's method.
    pub method: Option<String>,
    /// When the request was read, in microseconds since 1970.
    pub started_us: Option<u64>,
    /// What identifies the request, so that a later run can tell whether it has an outcome.
    pub key: Option<String>,
    /// The caller's own object.
    pub meta: Option<Meta>,
}
