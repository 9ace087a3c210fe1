//! From the engine's request to wasi:http's.

use crate::bindings::wasi::http::types as http;
use crate::bindings::wasi::io::streams::{OutputStream, StreamError};
use crate::reactor::ready;
use fantail_engine::{Cause, Request};
use fantail_shell::Failed;
use std::sync::Arc;
use url::Url;

/// A body on its way out.
pub(crate) type Upload = (http::OutgoingBody, Arc<Request>);

/// Prepares a request, with the body that has to be written while it is sent.
pub(crate) fn prepare(
    request: &Arc<Request>,
    url: &Url,
    asked: Option<String>,
) -> Result<(http::OutgoingRequest, Option<Upload>), Failed> {
    let outgoing = http::OutgoingRequest::new(fields(request, asked)?);
    let unusable = |()| Failed::new(Cause::HttpRequestUriInvalid, None);
    set_target(&outgoing, request, url).map_err(unusable)?;
    let upload = match &request.body {
        Some(_) => Some((outgoing.body().map_err(unusable)?, Arc::clone(request))),
        None => None,
    };
    Ok((outgoing, upload))
}

/// Writes a body.
pub(crate) async fn send((body, request): Upload) {
    let bytes = request.body.as_deref().unwrap_or_default();
    let written = match body.write() {
        Ok(stream) => write(stream, bytes).await,
        Err(()) => return,
    };
    // Errors here show in the response.
    if written.is_ok() {
        let _ = http::OutgoingBody::finish(body, None);
    }
}

async fn write(stream: OutputStream, mut bytes: &[u8]) -> Result<(), StreamError> {
    while !bytes.is_empty() {
        match usize::try_from(stream.check_write()?).unwrap_or(usize::MAX) {
            0 => ready(stream.subscribe()).await,
            room => {
                let (now, later) = bytes.split_at(room.min(bytes.len()));
                stream.write(now)?;
                bytes = later;
            }
        }
    }
    stream.flush()?;
    // The stream has no capacity until it is flushed.
    while stream.check_write()? == 0 {
        ready(stream.subscribe()).await;
    }
    Ok(())
}

fantail_shell::requests!(http::OutgoingRequest);

fn header_error(error: http::HeaderError) -> Failed {
    match error {
        http::HeaderError::InvalidSyntax | http::HeaderError::Forbidden | http::HeaderError::Immutable => {
            Failed::new(Cause::InvalidHeader, Some("the host refuses one of the headers".to_owned()))
        }
    }
}
