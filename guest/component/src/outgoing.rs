//! From the engine's request to wasi:http's.

use crate::bindings;
use crate::bindings::wasi::http::types as http;
use fantail_engine::{Cause, Request};
use fantail_shell::Failed;
use url::Url;
use wit_bindgen::rt::async_support::FutureReader;

/// Tells how sending went. It must live until the response's body has ended, or the request may be cut short.
pub(crate) type Transmission = FutureReader<Result<(), http::ErrorCode>>;

/// Makes a request ready to be sent, with the future that has to run while it is sent.
pub(crate) fn prepare(
    options: &http::RequestOptions,
    request: &Request,
    url: &Url,
) -> Result<(http::Request, Transmission, impl Future<Output = ()> + use<>), Failed> {
    let fields = fields(request)?;
    let (no_trailers, trailers) = bindings::wit_future::new(|| Ok(None));
    let (contents, body) = match &request.body {
        Some(bytes) => {
            let (writer, reader) = bindings::wit_stream::new();
            (Some(reader), Some((writer, bytes.clone())))
        }
        None => (None, None),
    };
    let (outgoing, transmission) = http::Request::new(fields, contents, trailers, Some(options.clone()));
    address(&outgoing, request, url).map_err(|()| (Cause::HttpRequestUriInvalid, None))?;
    let upload = async move {
        if let Some((mut writer, bytes)) = body {
            writer.write_all(bytes).await;
        }
        let _ = no_trailers.write(Ok(None)).await;
    };
    Ok((outgoing, transmission, upload))
}

fantail_shell::requests!(http::Request);

fn refused(error: http::HeaderError) -> Failed {
    match error {
        http::HeaderError::SizeExceeded => (Cause::HttpRequestHeaderSectionSize, None),
        http::HeaderError::InvalidSyntax | http::HeaderError::Forbidden | http::HeaderError::Immutable => {
            (Cause::InvalidHeader, Some("the host refuses one of the headers".to_owned()))
        }
        http::HeaderError::Other(reason) => (Cause::InvalidHeader, reason),
    }
}
