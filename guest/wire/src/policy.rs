//! Policies: an object whose fields have the paths in the engine's table of fields, such as
//! `{"concurrency":8,"timeouts":{"request":"2s"},"until":{"successes":3}}`.

use crate::WireError;
use crate::error::parse;
use crate::value::{from_json, to_json};
use fantail_engine::{FIELDS, Field, Policy};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};
use std::fmt;

/// Parses a policy. Unknown fields and values of another kind are errors; bounds are not checked here.
pub fn policy_from_json(text: &str) -> Result<Policy, WireError> {
    parse::<PolicyJson>(text).map(|PolicyJson(policy)| policy)
}

/// The policy as an object on one line, without the fields that are not set.
pub fn policy_to_json(policy: &Policy) -> String {
    crate::outcome::line(&PolicyJson(policy.clone()))
}

/// The path of an engine field in the JSON form: `timeouts.connect` for `connect_timeout`.
pub fn policy_path(name: &str) -> &str {
    FIELDS.iter().find(|field| field.name == name).and_then(|field| field.json).unwrap_or(name)
}

#[derive(Default)]
pub(crate) struct PolicyJson(pub(crate) Policy);

impl Serialize for PolicyJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = Map::new();
        for field in FIELDS {
            let (Some(path), Some(value)) = (field.json, (field.get)(&self.0)) else { continue };
            match path.split_once('.') {
                None => _ = object.insert(path.to_owned(), to_json(value)),
                Some((group, name)) => {
                    if let Value::Object(group) = object.entry(group).or_insert_with(|| Map::new().into()) {
                        group.insert(name.to_owned(), to_json(value));
                    }
                }
            }
        }
        object.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PolicyJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut policy = Policy::default();
        GroupSeed { policy: &mut policy, prefix: "" }.deserialize(deserializer)?;
        Ok(Self(policy))
    }
}

/// An object with fields and groups of fields.
struct GroupSeed<'a> {
    policy: &'a mut Policy,
    /// Empty, or the group's name and a dot.
    prefix: &'a str,
}

impl<'de> DeserializeSeed<'de> for GroupSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for GroupSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { policy, prefix } = self;
        let paths = || FIELDS.iter().filter_map(|field| Some((field, field.json?.strip_prefix(prefix)?)));
        while let Some(name) = map.next_key::<String>()? {
            if let Some((field, _)) = paths().find(|(_, path)| *path == name) {
                map.next_value_seed(FieldSeed { policy, field })?;
                continue;
            }
            let group = format!("{prefix}{name}.");
            if FIELDS.iter().filter_map(|field| field.json).any(|path| path.starts_with(&group)) {
                map.next_value_seed(GroupSeed { policy, prefix: &group })?;
                continue;
            }
            let siblings = paths().filter_map(|(_, path)| path.split('.').next());
            map.next_value_seed(UnknownField(unknown(&name, siblings.collect())))?;
        }
        Ok(())
    }
}

/// The value of one field.
struct FieldSeed<'a> {
    policy: &'a mut Policy,
    field: &'a Field,
}

impl<'de> DeserializeSeed<'de> for FieldSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let value = from_json(self.field, Value::deserialize(deserializer)?).map_err(D::Error::custom)?;
        if let Some(value) = value {
            // The value has the field's kind.
            let _ = (self.field.set)(self.policy, value);
        }
        Ok(())
    }
}

/// The value of an unknown field: an error, raised there so that it has the field's path.
struct UnknownField(String);

impl<'de> DeserializeSeed<'de> for UnknownField {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, _: D) -> Result<(), D::Error> {
        Err(D::Error::custom(self.0))
    }
}

/// The error for an unknown name, with the most likely alternative.
fn unknown(name: &str, mut siblings: Vec<&str>) -> String {
    if let Some(path) = FIELDS.iter().find(|field| field.name == name).and_then(|field| field.json) {
        return format!("unknown field: write {path}");
    }
    let nearest = siblings.iter().min_by_key(|sibling| strsim::osa_distance(name, sibling));
    if let Some(nearest) = nearest.filter(|nearest| strsim::osa_distance(name, nearest) <= 3) {
        return format!("unknown field: did you mean {nearest}?");
    }
    siblings.dedup();
    format!("unknown field: there are {}", siblings.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        policy_from_json(text).unwrap_err().to_string()
    }

    #[test]
    fn every_field_has_its_own_path() {
        let mut paths: Vec<&str> = FIELDS.iter().filter_map(|field| field.json).collect();
        paths.sort_unstable();
        let count = paths.len();
        paths.dedup();
        assert_eq!((paths.len(), count), (count, FIELDS.len() - 1), "all but what the host says");
    }

    #[test]
    fn an_unknown_field_has_one_suggestion() {
        assert_eq!(refused(r#"{"timeout":"5s"}"#), "timeout: unknown field: write timeouts.request");
        assert_eq!(refused(r#"{"concurency":5}"#), "concurency: unknown field: did you mean concurrency?");
        assert_eq!(refused(r#"{"retry":{"atempts":1}}"#), "retry.atempts: unknown field: did you mean attempts?");
        let names = refused(r#"{"breaker":{"something":1}}"#);
        assert_eq!(names, "breaker.something: unknown field: there are percent, minimum, open");
    }
}
