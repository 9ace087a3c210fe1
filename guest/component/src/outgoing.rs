//! From the engine's request to wasi:http's.

use crate::attempt::Failed;
use fantail_engine::{Cause, Header, Request};
use url::Url;
use wasip3::http::types as http;
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
    let (no_trailers, trailers) = wasip3::wit_future::new(|| Ok(None));
    let (contents, body) = match &request.body {
        Some(bytes) => {
            let (writer, reader) = wasip3::wit_stream::new();
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

fn address(outgoing: &http::Request, request: &Request, url: &Url) -> Result<(), ()> {
    let scheme = if url.scheme() == "https" { http::Scheme::Https } else { http::Scheme::Http };
    if request.method != "GET" {
        outgoing.set_method(&method(&request.method))?;
    }
    outgoing.set_scheme(Some(&scheme))?;
    outgoing.set_authority(Some(url.authority()))?;
    match url.query() {
        None => outgoing.set_path_with_query(Some(url.path())),
        Some(query) => outgoing.set_path_with_query(Some(&[url.path(), "?", query].concat())),
    }
}

fn method(name: &str) -> http::Method {
    match name {
        "GET" => http::Method::Get,
        "HEAD" => http::Method::Head,
        "POST" => http::Method::Post,
        "PUT" => http::Method::Put,
        "DELETE" => http::Method::Delete,
        "OPTIONS" => http::Method::Options,
        "TRACE" => http::Method::Trace,
        "PATCH" => http::Method::Patch,
        other => http::Method::Other(other.to_owned()),
    }
}

/// The request's headers, with the length of its body. The engine has found them fit; a host may think otherwise.
fn fields(request: &Request) -> Result<http::Fields, Failed> {
    let length = announced_length(request);
    if request.headers.is_empty() && length.is_none() {
        return Ok(http::Fields::new());
    }
    let fields = http::Fields::from_list(&request.headers).map_err(|error| refused(&error))?;
    if let Some(length) = length {
        fields.append("content-length", length.to_string().as_bytes()).map_err(|error| refused(&error))?;
    }
    Ok(fields)
}

/// The length to announce, if the caller has not. A request without a body says so where its method could have one (RFC
/// 9110, section 8.6); else a host that cannot know sends an empty one in chunks.
fn announced_length(request: &Request) -> Option<usize> {
    let given = |(name, _): &Header| name.eq_ignore_ascii_case("content-length");
    match &request.body {
        _ if request.headers.iter().any(given) => None,
        Some(body) => Some(body.len()),
        None if matches!(request.method.as_str(), "GET" | "HEAD") => None,
        None => Some(0),
    }
}

fn refused(error: &http::HeaderError) -> Failed {
    match error {
        http::HeaderError::SizeExceeded => (Cause::HttpRequestHeaderSectionSize, None),
        http::HeaderError::InvalidSyntax | http::HeaderError::Forbidden | http::HeaderError::Immutable => {
            (Cause::InvalidHeader, Some("the host refuses one of the headers".to_owned()))
        }
        http::HeaderError::Other(reason) => (Cause::InvalidHeader, reason.clone()),
    }
}
