//! From the engine's request to wasi:http's.

use crate::bindings;
use crate::bindings::wasi::http::types as http;
use fantail_engine::{Cause, Request};
use fantail_shell::{Failed, Upload};
use futures::FutureExt;
use std::sync::Arc;
use url::Url;
use wit_bindgen::rt::async_support::FutureReader;

/// The result of sending. It must live until the response's body has ended, or the request may be cut short.
pub(crate) type Transmission = FutureReader<Result<(), http::ErrorCode>>;

/// Bytes of a body copied at once to be sent, because a stream takes ownership of its bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// Prepares a request, with the future that has to be polled while it is sent.
pub(crate) fn prepare(
    options: &http::RequestOptions,
    request: &Arc<Request>,
    url: &Url,
    asked: Option<String>,
) -> Result<(http::Request, Transmission, Upload), Failed> {
    let fields = fields(request, asked)?;
    let (no_trailers, trailers) = bindings::wit_future::new(|| Ok(None));
    let (contents, body) = match &request.body {
        Some(_) => {
            let (writer, reader) = bindings::wit_stream::new();
            (Some(reader), Some((writer, Arc::clone(request))))
        }
        None => (None, None),
    };
    let (outgoing, transmission) = http::Request::new(fields, contents, trailers, Some(options.clone()));
    set_target(&outgoing, request, url).map_err(|()| Failed::new(Cause::HttpRequestUriInvalid, None))?;
    let upload = async move {
        if let Some((mut writer, request)) = body {
            for chunk in request.body.iter().flat_map(|bytes| bytes.chunks(CHUNK_BYTES)) {
                // The host has stopped reading the body.
                if !writer.write_all(chunk.to_vec()).await.is_empty() {
                    break;
                }
            }
        }
        let _ = no_trailers.write(Ok(None)).await;
    };
    Ok((outgoing, transmission, upload.boxed_local()))
}

fantail_shell::requests!(http::Request);

fn header_error(error: http::HeaderError) -> Failed {
    match error {
        http::HeaderError::SizeExceeded => Failed::new(Cause::HttpRequestHeaderSectionSize, None),
        http::HeaderError::InvalidSyntax | http::HeaderError::Forbidden | http::HeaderError::Immutable => {
            Failed::new(Cause::InvalidHeader, Some("the host refuses one of the headers".to_owned()))
        }
        http::HeaderError::Other(reason) => Failed::new(Cause::InvalidHeader, reason),
    }
}
