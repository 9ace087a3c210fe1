//! What is kept of a request that is shown.

use crate::class::Class;
use crate::extra::Extra;
use crate::parts::{Parts, micros};
use crate::redact::redacted;
use fantail_engine::{Failure, Protocol};
use fantail_wire::{Body, Outcome};
use std::net::SocketAddr;

/// The most characters kept of a URL, a detail and the like.
const MAX_TEXT: usize = 400;

/// What is kept of a request that is shown.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) method: Option<String>,
    pub(crate) url: String,
    pub(crate) class: Class,
    pub(crate) status: Option<u16>,
    pub(crate) failure: Option<Failure>,
    pub(crate) started_us: Option<u64>,
    pub(crate) total_us: u64,
    pub(crate) parts: Parts,
    pub(crate) attempts: u32,
    pub(crate) hops: usize,
    pub(crate) remote: Option<SocketAddr>,
    pub(crate) protocol: Option<&'static str>,
    pub(crate) reused: Option<bool>,
    pub(crate) body_bytes: Option<u64>,
    pub(crate) meta: Option<String>,
}

impl Row {
    pub(crate) fn new(outcome: &Outcome, extra: &Extra, started_us: Option<u64>) -> Self {
        let facts = outcome.last_attempt.unwrap_or_default();
        let response = outcome.result.as_ref().ok();
        let failure = outcome.result.as_ref().err().cloned().map(|failure| {
            let detail = failure.detail.as_deref().map(shown);
            Failure { detail, ..failure }
        });
        Self {
            id: extra.id.as_deref().map_or_else(|| outcome.id.to_string(), clipped),
            method: extra.method.as_deref().map(clipped),
            url: shown(&outcome.url),
            class: Class::of(outcome),
            status: response.map(|response| response.status).or(failure.as_ref().and_then(|failure| failure.status)),
            failure,
            started_us,
            total_us: micros(outcome.timing.total),
            parts: Parts::of(outcome),
            attempts: outcome.attempts,
            hops: outcome.hops.len(),
            remote: facts.remote,
            protocol: facts.protocol.map(protocol),
            reused: facts.reused,
            body_bytes: response.and_then(|response| match &response.body {
                Body::Bytes(bytes) => Some(bytes.len() as u64),
                Body::Absent | Body::File(_) => None,
            }),
            meta: extra.meta.as_deref().map(clipped),
        }
    }
}

/// A protocol's name for people.
pub(crate) fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http1 => "HTTP/1.1",
        Protocol::Http2 => "HTTP/2",
    }
}

/// A text with URLs, as it may be shown.
pub(crate) fn shown(text: &str) -> String {
    // A credential must not be cut in two, so it is left out before the text is clipped; what is far behind the end does not matter.
    let bound = text.floor_char_boundary(16 * MAX_TEXT);
    clipped(&redacted(text.get(..bound).unwrap_or_default()))
}

/// At most so many characters of a text.
pub(crate) fn clipped(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}
