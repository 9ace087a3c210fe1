//! Between the component's types, as wasmtime sees them, and the engine's, which are the harness's own.

use crate::bindings::batch as wit;
use crate::harness::{Body, Response};
use fantail_engine as engine;

engine::caller_conversions!();

/// `body` turns the component's body into ours; an unread one needs the store.
pub(crate) fn outcome(
    outcome: wit::Outcome,
    id: u64,
    body: impl FnOnce(u16, wit::Body) -> wasmtime::Result<Body>,
) -> wasmtime::Result<engine::Outcome<Response>> {
    let wit::Outcome { id: _, url, attempts, hops, timing: spans, result } = outcome;
    let result = match result {
        Ok(response) => {
            let wit::Response { status, headers, body: incoming } = response;
            Ok(Response { status, headers, body: body(status, incoming)? })
        }
        Err(error) => Err(failure(error)),
    };
    Ok(engine::Outcome { id, url, attempts, hops, timing: timing(spans), result })
}
