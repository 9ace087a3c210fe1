//! Conversions between the types of the interface, as this application imports it, and the engine's, which the JSON
//! form uses too.

use crate::bindings::fantail::fetch::batch as wit;
use fantail_conversions::Convert;
use fantail_wire::{Body, Outcome, Response};

fantail_conversions::types!();
fantail_conversions::guest_setters!();

/// The outcome. Its id is the component's.
pub(crate) fn outcome(outcome: wit::Outcome) -> Outcome {
    let wit::Outcome { id, url, attempts, hops, timing, last_attempt, result, facts: _ } = outcome;
    let result = result.map_err(Convert::convert).map(|wit::Response { status, headers, body }| {
        let body = match body {
            wit::Body::Bytes(bytes) => Body::Bytes(bytes),
            // Unread bodies are refused earlier; one that comes all the same is dropped, which closes its connection.
            wit::Body::Discarded | wit::Body::Unread(_) => Body::Absent,
        };
        Response { status, headers, body }
    });
    Outcome {
        id: id.into(),
        url,
        attempts,
        hops,
        timing: timing.convert(),
        last_attempt: last_attempt.convert(),
        result,
    }
}
