//! Header fields as a JSON object: `{"accept":"text/plain","x-two":["a","b"]}`.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use fantail_engine::Header;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Fields in the order they were written. A value that is not UTF-8 is written as `{"base64":"…"}`.
#[derive(Default)]
pub(crate) struct Headers(pub(crate) Vec<Header>);

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "a string, a list of strings, or {\"base64\": \"…\"}")]
enum Value {
    Text(String),
    Bytes(Base64),
    Many(Vec<SingleValue>),
}

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "a string, or {\"base64\": \"…\"}")]
enum SingleValue {
    Text(String),
    Bytes(Base64),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Base64 {
    base64: String,
}

impl SingleValue {
    fn new(value: &[u8]) -> Self {
        match std::str::from_utf8(value) {
            Ok(text) => SingleValue::Text(text.to_owned()),
            Err(_) => SingleValue::Bytes(Base64 { base64: BASE64_STANDARD.encode(value) }),
        }
    }

    fn bytes<E: Error>(self) -> Result<Vec<u8>, E> {
        match self {
            SingleValue::Text(text) => Ok(text.into_bytes()),
            SingleValue::Bytes(Base64 { base64 }) => BASE64_STANDARD.decode(base64).map_err(E::custom),
        }
    }
}

impl Serialize for Headers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (place, (name, _)) in self.0.iter().enumerate() {
            let before = self.0.iter().take(place).any(|(earlier, _)| earlier == name);
            let mut values: Vec<SingleValue> =
                self.0.iter().filter(|(other, _)| other == name).map(|(_, value)| SingleValue::new(value)).collect();
            match values.len() {
                _ if before => {}
                1 => map.serialize_entry(name, &values.pop())?,
                _ => map.serialize_entry(name, &values)?,
            }
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeadersVisitor)
    }
}

struct HeadersVisitor;

impl<'de> Visitor<'de> for HeadersVisitor {
    type Value = Headers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of header fields")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers, A::Error> {
        let mut headers = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            let values = match value {
                Value::Text(text) => vec![SingleValue::Text(text)],
                Value::Bytes(bytes) => vec![SingleValue::Bytes(bytes)],
                Value::Many(values) => values,
            };
            for value in values {
                headers.push((name.clone(), value.bytes()?));
            }
        }
        Ok(Headers(headers))
    }
}
