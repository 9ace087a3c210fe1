//! Adds a header to every request, and refuses `/admin` and what is below it.
//!
//! ```sh
//! wac plug --plug policy.wasm fantail.wasm -o governed.wasm
//! ```

mod component;

use component::{ErrorCode, Guest, Policy, Request, Response, client, wit_future};
use wit_bindgen::{StreamResult, spawn_local};

impl Guest for Policy {
    async fn send(request: Request) -> Result<Response, ErrorCode> {
        let path = request.get_path_with_query().unwrap_or_default();
        if path.split(['/', '?']).nth(1) == Some("admin") {
            return Err(ErrorCode::HttpRequestDenied);
        }
        client::send(with_header(request, "x-policy", "example").await?).await
    }
}

/// The same request with one more header. The headers of a request cannot be changed, so this makes another one.
async fn with_header(request: Request, name: &str, value: &str) -> Result<Request, ErrorCode> {
    let headers = request.get_headers().clone();
    headers.append(name, value.as_bytes()).map_err(|_| ErrorCode::HttpRequestHeaderSize(None))?;
    let (method, scheme, options) = (request.get_method(), request.get_scheme(), request.get_options());
    let (authority, path) = (request.get_authority(), request.get_path_with_query());
    let (sent, result) = wit_future::new(|| Ok(()));
    let (mut body, trailers) = Request::consume_body(request, result);
    // Reading nothing waits until there is something to read, or the end. A request without a body stays without one: of a
    // stream, no host knows that it is empty, and it may announce a body.
    let (peeked, _) = body.read(Vec::new()).await;
    let body = (peeked != StreamResult::Dropped).then_some(body);
    let (request, transmitted) = Request::new(headers, body, trailers, options);
    // Whoever made the first request learns how the second was sent.
    spawn_local(async { sent.write(transmitted.await).await });
    let copied = request.set_method(&method).and_then(|()| request.set_scheme(scheme.as_ref()));
    let copied = copied.and_then(|()| request.set_authority(authority.as_deref()));
    let copied = copied.and_then(|()| request.set_path_with_query(path.as_deref()));
    copied.map_err(|()| ErrorCode::HttpRequestUriInvalid)?;
    Ok(request)
}
