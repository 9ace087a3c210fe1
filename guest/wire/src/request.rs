//! Requests.

use crate::context::{Context, Id, Meta};
use crate::error::{WireError, parse};
use crate::headers::Headers;
use crate::span::Span;
use crate::span::body_mode;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use fantail_engine::{Priority, Request, RequestOptions};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Id>,
    #[serde(default = "get")]
    method: String,
    url: String,
    #[serde(default, skip_serializing_if = "no_headers")]
    headers: Headers,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<RequestOptionsJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<Meta>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestOptionsJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<Span>,
    #[serde(default, with = "body_mode", skip_serializing_if = "Option::is_none")]
    body: Option<fantail_engine::BodyMode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    safe_to_repeat: Option<bool>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    secret_headers: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<PriorityJson>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum PriorityJson {
    Low,
    Normal,
    High,
}

fn get() -> String {
    "GET".to_owned()
}

fn no_headers(headers: &Headers) -> bool {
    headers.0.is_empty()
}

/// Parses a line of input, which is an object or a bare URL, as [`request_with_context`] does.
pub fn request_from_line(text: &str, number: u64) -> Result<(Request, Context), WireError> {
    match text.trim() {
        object if object.starts_with('{') => request_with_context(object, number),
        url => RequestJson::bare(url).into_request(number),
    }
}

/// Parses an object, with the caller's id and object beside the request, which gets `number` as its own id. The
/// context has no start and no key.
pub fn request_with_context(text: &str, number: u64) -> Result<(Request, Context), WireError> {
    parse::<RequestJson>(text)?.into_request(number)
}

/// The readable parts of a malformed request, so that its outcome can be told from others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readable {
    /// Its `id`, if that is valid.
    pub id: Option<Id>,
    /// Its `url`, if that is a string.
    pub url: Option<String>,
    /// Its `meta`, if that is an object.
    pub meta: Option<Meta>,
}

/// Reads an object up to the point where it is malformed.
pub fn readable(text: &str) -> Readable {
    let mut readable = Readable::default();
    // The caller knows already that it is malformed.
    let _ = ReadableSeed(&mut readable).deserialize(&mut serde_json::Deserializer::from_str(text));
    readable
}

/// Collects fields, and ignores invalid values.
struct ReadableSeed<'a>(&'a mut Readable);

impl<'de> DeserializeSeed<'de> for ReadableSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ReadableSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "id" => self.0.id = Id::deserialize(map.next_value::<Value>()?).ok(),
                "url" => self.0.url = map.next_value::<Value>()?.as_str().map(str::to_owned),
                "meta" => self.0.meta = map.next_value::<Box<RawValue>>()?.get().parse().ok(),
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(())
    }
}

impl RequestJson {
    /// A GET request.
    pub(crate) fn bare(url: &str) -> Self {
        let (method, url, headers) = (get(), url.to_owned(), Headers::default());
        Self { id: None, method, url, headers, body: None, body_base64: None, options: None, meta: None }
    }

    /// As a request with this number, and what is said beside it.
    pub(crate) fn into_request(self, number: u64) -> Result<(Request, Context), WireError> {
        let body = match (self.body, self.body_base64) {
            (None, None) => None,
            (Some(text), None) => Some(text.into_bytes()),
            (None, Some(encoded)) => Some(
                BASE64_STANDARD
                    .decode(encoded)
                    .map_err(|error| WireError::at("body_base64", format!("not base64: {error}")))?,
            ),
            (Some(_), Some(_)) => {
                return Err(WireError::at("body_base64", "given together with body: use one of them"));
            }
        };
        let options = self.options.map_or_else(RequestOptions::default, |options| RequestOptions {
            timeout: options.timeout.map(|Span(span)| span),
            body: options.body,
            safe_to_repeat: options.safe_to_repeat,
            secret_headers: options.secret_headers,
            priority: options.priority.map(|priority| match priority {
                PriorityJson::Low => Priority::Low,
                PriorityJson::Normal => Priority::Normal,
                PriorityJson::High => Priority::High,
            }),
        });
        let RequestJson { id, method, url, headers: Headers(headers), meta, .. } = self;
        let context = Context { id, method: Some(method.clone()), meta, ..Context::default() };
        Ok((Request { id: number, method, url, headers, body, options }, context))
    }
}

/// The request as an object on one line.
pub fn request_to_json(request: &Request) -> String {
    let Request { id, method, url, headers, body, options } = request.clone();
    let (body, body_base64) = match body.map(String::from_utf8) {
        None => (None, None),
        Some(Ok(text)) => (Some(text), None),
        Some(Err(bytes)) => (None, Some(BASE64_STANDARD.encode(bytes.as_bytes()))),
    };
    let options = (options != RequestOptions::default()).then(|| RequestOptionsJson {
        timeout: options.timeout.map(Span),
        body: options.body,
        safe_to_repeat: options.safe_to_repeat,
        secret_headers: options.secret_headers,
        priority: options.priority.map(|priority| match priority {
            Priority::Low => PriorityJson::Low,
            Priority::Normal => PriorityJson::Normal,
            Priority::High => PriorityJson::High,
        }),
    });
    let headers = Headers(headers);
    let id = Some(Id::Number(id));
    crate::outcome::line(&RequestJson { id, method, url, headers, body, body_base64, options, meta: None })
}
