//! Between the types of the interface, as this application imports it, and the engine's, which are those of the JSON too.

use crate::bindings::fantail::fetch::batch as wit;
use fantail_engine as engine;
use fantail_wire::{Body, Outcome, Response};

engine::caller_conversions!();
engine::guest_setters!();

pub(crate) fn outcome(outcome: wit::Outcome) -> Outcome {
    let wit::Outcome { id, url, attempts, hops, timing: spans, last_attempt, result, facts: _ } = outcome;
    let result = result.map_err(failure).map(|wit::Response { status, headers, body }| {
        let body = match body {
            wit::Body::Bytes(bytes) => Body::Bytes(bytes),
            // Unread bodies are refused before: whatever comes as one is dropped, and its connection closes.
            wit::Body::Discarded | wit::Body::Unread(_) => Body::Absent,
        };
        Response { status, headers, body }
    });
    Outcome { id, url, attempts, hops, timing: timing(spans), last_attempt: last_attempt.map(facts), result }
}
