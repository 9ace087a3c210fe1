//! How a body ends: with an error or with trailers.

use crate::bindings::wasi::http::types as http;
use crate::bindings::wasi::io::error::Error;
use crate::error_code;
use crate::reactor::ready;
use fantail_engine::Cause;
use fantail_shell::Failed;

/// The failure for an error of a body's stream. If the host cannot map its own error to a code, the body was cut short.
pub(crate) fn failed(error: &Error) -> Failed {
    let unknown = || Failed::new(Cause::HttpResponseIncomplete, Some(error.to_debug_string()));
    http::http_error_code(error).map_or_else(unknown, error_code::failed)
}

/// Waits for what follows a body whose stream has ended.
pub(crate) async fn trailers(body: http::IncomingBody) -> Result<Option<http::Trailers>, Failed> {
    let trailers = http::IncomingBody::finish(body);
    loop {
        match trailers.get() {
            None => ready(trailers.subscribe()).await,
            Some(Ok(trailers)) => return trailers.map_err(error_code::failed),
            // Only a second call returns this.
            Some(Err(())) => return Ok(None),
        }
    }
}
