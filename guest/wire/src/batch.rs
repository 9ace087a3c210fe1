//! A whole batch: `{"policy":{…},"requests":[…]}`, or a line `{"policy":{…}}` before lines with requests.

use crate::WireError;
use crate::context::Context;
use crate::error::parse;
use crate::policy::PolicyJson;
use crate::request::RequestJson;
use fantail_engine::{Policy, Request};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::cell::Cell;
use std::fmt;

/// A policy and the requests it is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The default if the batch has none.
    pub policy: Policy,
    /// In the order they were written, each with its index from 0 as its number, and with what is said beside it.
    pub requests: Vec<(Request, Context)>,
}

/// Why a text is not a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchError {
    /// It cannot be parsed.
    Malformed(WireError),
    /// It has more requests than allowed. How many is unknown, because reading stops there.
    TooMany,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BatchJson {
    #[serde(default)]
    policy: PolicyJson,
    requests: Items,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyLine {
    policy: PolicyJson,
}

/// A request as an object or as a bare URL. Not an untagged enum, whose errors would not name the field.
struct Item(RequestJson);

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ItemVisitor)
    }
}

struct ItemVisitor;

impl<'de> Visitor<'de> for ItemVisitor {
    type Value = Item;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a URL or an object with a request")
    }

    fn visit_str<E: Error>(self, url: &str) -> Result<Item, E> {
        Ok(Item(RequestJson::bare(url)))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Item, A::Error> {
        RequestJson::deserialize(MapAccessDeserializer::new(map)).map(Item)
    }
}

/// Requests, at most [`REQUEST_LIMIT`]: a longer list would take much more memory than its text.
struct Items(Vec<Item>);

thread_local! {
    /// During a parse, how many requests a batch may have, and whether it had more. Serde has no other way to pass a
    /// number into a derived type.
    static REQUEST_LIMIT: Cell<(u64, bool)> = const { Cell::new((0, false)) };
}

impl<'de> Deserialize<'de> for Items {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ItemsVisitor)
    }
}

struct ItemsVisitor;

impl<'de> Visitor<'de> for ItemsVisitor {
    type Value = Items;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of requests")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Items, A::Error> {
        let (max_requests, _) = REQUEST_LIMIT.get();
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            if items.len() as u64 >= max_requests {
                REQUEST_LIMIT.set((max_requests, true));
                return Err(A::Error::custom("too many requests"));
            }
            items.push(item);
        }
        Ok(Items(items))
    }
}

/// Parses a batch of at most `max_requests` requests.
pub fn batch_from_json(text: &str, max_requests: u64) -> Result<Batch, BatchError> {
    REQUEST_LIMIT.set((max_requests, false));
    let BatchJson { policy: PolicyJson(policy), requests: Items(requests) } =
        parse(text).map_err(|error| match REQUEST_LIMIT.get() {
            (_, true) => BatchError::TooMany,
            (_, false) => BatchError::Malformed(error),
        })?;
    let requests = requests.into_iter().enumerate().map(|(place, Item(request))| {
        let below = |error: WireError| WireError { field: format!("requests[{place}].{}", error.field), ..error };
        request.into_request(place as u64).map_err(below).map_err(BatchError::Malformed)
    });
    Ok(Batch { policy, requests: requests.collect::<Result<_, _>>()? })
}

/// Parses a line `{"policy":{…}}`; none if the line is something else.
pub fn policy_from_line(text: &str) -> Option<Result<Policy, WireError>> {
    let after_brace = text.trim_start().strip_prefix('{')?.trim_start();
    after_brace.starts_with("\"policy\"").then(|| parse::<PolicyLine>(text).map(|line| line.policy.0))
}
