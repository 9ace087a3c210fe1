//! Outcomes.

use crate::context::{Context, Id, Meta};
use crate::error::{WireError, parse};
use crate::headers::Headers;
use crate::text::write_text;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use fantail_engine::{Facts, Failure, Fault, Header, Phase, Protocol, Sent, Timing};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::time::Duration;

/// The outcome of one request.
pub type Outcome = fantail_engine::Outcome<Response>;

/// A response as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<Header>,
    /// The body.
    pub body: Body,
}

/// A body as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Not written.
    Absent,
    /// As `body` if it is UTF-8, else as `body_base64`.
    Bytes(Vec<u8>),
    /// As `body_file`: where it was stored.
    File(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutcomeJson {
    id: Id,
    method: Option<String>,
    url: String,
    attempts: u32,
    #[serde(default)]
    hops: Vec<String>,
    status: Option<u16>,
    headers: Option<Headers>,
    body: Option<String>,
    body_base64: Option<String>,
    body_file: Option<String>,
    error: Option<ErrorJson>,
    timing: TimingJson,
    last_attempt: Option<FactsJson>,
    started_us: Option<u64>,
    key: Option<String>,
    meta: Option<Meta>,
}

/// The fields before a text body.
#[derive(Serialize)]
struct BeforeBody {
    id: Id,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    url: String,
    attempts: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hops: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<Headers>,
}

/// The fields after it.
#[derive(Serialize)]
struct AfterBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorJson>,
    timing: TimingJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_attempt: Option<FactsJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<Meta>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ErrorJson {
    cause: String,
    code: String,
    phase: String,
    fault: String,
    sent: String,
    retryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TimingJson {
    queued_us: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    head_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_us: Option<u64>,
    total_us: u64,
}

/// What the host has seen of an attempt.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct FactsJson {
    /// Since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    started_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queued_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolve_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connect_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    send_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    head_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<ProtocolJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reused: Option<bool>,
}

/// As ALPN names them (RFC 7301, section 6).
#[derive(Clone, Copy, Serialize, Deserialize)]
enum ProtocolJson {
    #[serde(rename = "http/1.1")]
    Http1,
    #[serde(rename = "h2")]
    Http2,
}

/// Appends the outcome as an object on one line, with its line feed. A large body is written once, and not copied after
/// that.
pub fn write_outcome(outcome: Outcome, out: &mut Vec<u8>) {
    write_outcome_with(outcome, Context::default(), out);
}

/// The same with what belongs to the request beside it.
pub fn write_outcome_with(outcome: Outcome, context: Context, out: &mut Vec<u8>) {
    let Context { id: own_id, method, started_us, key, meta } = context;
    let Outcome { id, url, attempts, hops, timing, last_attempt, result } = outcome;
    let (mut body, mut body_base64, mut body_file) = (None, None, None);
    let (status, headers, error) = match result {
        Ok(response) => {
            match response.body {
                Body::Absent => {}
                Body::Bytes(bytes) => match String::from_utf8(bytes) {
                    Ok(text) => body = Some(text),
                    Err(bytes) => body_base64 = Some(BASE64_STANDARD.encode(bytes.as_bytes())),
                },
                Body::File(path) => body_file = Some(path),
            }
            (Some(response.status), Some(Headers(response.headers)), None)
        }
        Err(failure) => (None, None, Some(error_json(failure))),
    };
    let timing = TimingJson {
        queued_us: micros(timing.queued),
        head_us: timing.head.map(micros),
        body_us: timing.body.map(micros),
        total_us: micros(timing.total),
    };
    let id = own_id.unwrap_or(Id::Number(id));
    write(&BeforeBody { id, method, url, attempts, hops, status, headers }, out);
    if let Some(text) = body {
        reopen(out);
        out.extend_from_slice(b"\"body\":");
        write_text(&text, out);
        out.push(b'}');
    }
    reopen(out);
    let from = out.len();
    let last_attempt = last_attempt.map(facts_json);
    write(&AfterBody { body_base64, body_file, error, timing, last_attempt, started_us, key, meta }, out);
    // Its fields continue the object: drop the second opening brace.
    out.remove(from);
    out.push(b'\n');
}

/// The outcome as a string, without the line feed.
pub fn outcome_to_json(outcome: Outcome) -> String {
    let mut line = Vec::new();
    write_outcome(outcome, &mut line);
    line.pop();
    #[expect(clippy::expect_used, reason = "it is made of texts, and of ASCII between them")]
    String::from_utf8(line).expect("JSON is text")
}

/// Replaces an object's closing brace with a comma, so that another field can follow.
fn reopen(object: &mut [u8]) {
    if let Some(end) = object.last_mut() {
        *end = b',';
    }
}

fn write<T: Serialize>(value: &T, out: &mut Vec<u8>) {
    #[expect(
        clippy::expect_used,
        reason = "strings, numbers and maps with string keys can always be written to memory"
    )]
    serde_json::to_writer(out, value).expect("our own types can be written");
}

fn error_json(failure: Failure) -> ErrorJson {
    ErrorJson {
        cause: failure.cause.name().to_owned(),
        code: failure.cause.code().name().to_owned(),
        phase: failure.phase.name().to_owned(),
        fault: failure.fault.name().to_owned(),
        sent: failure.sent.name().to_owned(),
        retryable: failure.retryable,
        status: failure.status,
        detail: failure.detail,
    }
}

/// Parses the line of an outcome, without what belongs to the request beside it.
pub fn outcome_from_json(text: &str) -> Result<Outcome, WireError> {
    Ok(outcome_with_context(text)?.0)
}

/// Parses the line of an outcome. If the id is text, it is in the context only, and the outcome's number is zero.
pub fn outcome_with_context(text: &str) -> Result<(Outcome, Context), WireError> {
    let json: OutcomeJson = parse(text)?;
    let result = match (json.status, json.error) {
        (Some(status), None) => {
            let body = match (json.body, json.body_base64, json.body_file) {
                (None, None, None) => Body::Absent,
                (Some(text), None, None) => Body::Bytes(text.into_bytes()),
                (None, Some(encoded), None) => {
                    let decoded = BASE64_STANDARD.decode(encoded);
                    Body::Bytes(decoded.map_err(|error| WireError::at("body_base64", error.to_string()))?)
                }
                (None, None, Some(path)) => Body::File(path),
                _ => return Err(WireError::at("body", "more than one form of a body")),
            };
            Ok(Response { status, headers: json.headers.unwrap_or_default().0, body })
        }
        (None, Some(error)) => Err(failure(error)?),
        (Some(_), Some(_)) => return Err(WireError::at("error", "given together with status")),
        (None, None) => return Err(WireError::at("status", "neither status nor error is given")),
    };
    let span = Duration::from_micros;
    let TimingJson { queued_us, head_us, body_us, total_us } = json.timing;
    let (head, body) = (head_us.map(span), body_us.map(span));
    let timing = Timing { queued: span(queued_us), head, body, total: span(total_us) };
    let last_attempt = json.last_attempt.map(facts);
    let OutcomeJson { id, method, url, attempts, hops, started_us, key, meta, .. } = json;
    let number = id.number().unwrap_or_default();
    let context = Context { id: Some(id), method, started_us, key, meta };
    Ok((Outcome { id: number, url, attempts, hops, timing, last_attempt, result }, context))
}

fn failure(error: ErrorJson) -> Result<Failure, WireError> {
    let unknown = |field, value: &str| WireError::at(field, format!("{value:?} is not known"));
    Ok(Failure {
        cause: error.cause.parse().map_err(|_| unknown("error.cause", &error.cause))?,
        phase: Phase::named(&error.phase).ok_or_else(|| unknown("error.phase", &error.phase))?,
        fault: Fault::named(&error.fault).ok_or_else(|| unknown("error.fault", &error.fault))?,
        sent: Sent::named(&error.sent).ok_or_else(|| unknown("error.sent", &error.sent))?,
        retryable: error.retryable,
        status: error.status,
        detail: error.detail,
    })
}

fn facts_json(facts: Facts) -> FactsJson {
    let Facts { started, queued, resolve, connect, tls, send, head, remote, protocol, reused } = facts;
    FactsJson {
        started_us: started.map(|nanos| nanos / 1_000),
        queued_us: queued.map(micros),
        resolve_us: resolve.map(micros),
        connect_us: connect.map(micros),
        tls_us: tls.map(micros),
        send_us: send.map(micros),
        head_us: head.map(micros),
        remote,
        protocol: protocol.map(|protocol| match protocol {
            Protocol::Http1 => ProtocolJson::Http1,
            Protocol::Http2 => ProtocolJson::Http2,
        }),
        reused,
    }
}

fn facts(json: FactsJson) -> Facts {
    let span = |micros: Option<u64>| micros.map(Duration::from_micros);
    Facts {
        started: json.started_us.map(|micros| micros.saturating_mul(1_000)),
        queued: span(json.queued_us),
        resolve: span(json.resolve_us),
        connect: span(json.connect_us),
        tls: span(json.tls_us),
        send: span(json.send_us),
        head: span(json.head_us),
        remote: json.remote,
        protocol: json.protocol.map(|protocol| match protocol {
            ProtocolJson::Http1 => Protocol::Http1,
            ProtocolJson::Http2 => Protocol::Http2,
        }),
        reused: json.reused,
    }
}

pub(crate) fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// Writes one of our own types on one line.
pub(crate) fn line<T: Serialize>(value: &T) -> String {
    #[expect(clippy::expect_used, reason = "strings, numbers and maps with string keys can always be written")]
    serde_json::to_string(value).expect("our own types can be written")
}
