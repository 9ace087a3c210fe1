//! Passes every exchange on, and writes what passes to standard error, as `fantail_example_recording` says.
//!
//! ```sh
//! wac plug --plug recorder.wasm fantail.wasm -o recorded.wasm
//! wasmtime run -Shttp --invoke 'get-all(["http://example.com/"], none)' recorded.wasm 2> recording.ndjson
//! ```
//!
//! A caller that gives up a body which stalls is noticed with the next piece, or when the host gives it up, too: until then the connection stays open.

mod body;
mod component;
mod write;

use body::{Of, pass_on};
use component::{ErrorCode, Guest, Recorder, Request, Response, client, wit_future, wit_stream};
use fantail_example_recording::{Event, recorded};
use wit_bindgen::{StreamResult, spawn_local};
use write::Exchange;

impl Guest for Recorder {
    async fn send(request: Request) -> Result<Response, ErrorCode> {
        let exchange = Exchange::new();
        exchange.write(Event::Request((&request).into()));
        let sent = client::send(outgoing(request, exchange).await?).await;
        sent.map(|response| incoming(response, exchange)).inspect_err(|code| exchange.write(Event::Error(code.clone())))
    }
}

/// The same request, whose body is written down while it is sent.
async fn outgoing(request: Request, exchange: Exchange) -> Result<Request, ErrorCode> {
    let (method, scheme, options) = (request.get_method(), request.get_scheme(), request.get_options());
    let (authority, path, headers) = (request.get_authority(), request.get_path_with_query(), request.get_headers());
    let (processed, result) = wit_future::new(|| Ok(()));
    let (mut body, trailers) = Request::consume_body(request, result);
    // Reading nothing waits until there is something to read, or the end. A request without a body stays without one: of a
    // stream, no host knows that it is empty, and it may announce a body.
    let (peeked, _) = body.read(Vec::new()).await;
    let (to, contents) = wit_stream::new();
    let is_empty = peeked == StreamResult::Dropped;
    let contents = (!is_empty).then_some(contents);
    let (request, transmitted) = Request::new(headers, contents, trailers, options);
    spawn_local(async move {
        if is_empty {
            exchange.write(Event::RequestEnd);
        } else {
            pass_on(body, to, Of::Request, exchange).await;
        }
        processed.write(transmitted.await).await
    });
    let copied = request.set_method(&method).and_then(|()| request.set_scheme(scheme.as_ref()));
    let copied = copied.and_then(|()| request.set_authority(authority.as_deref()));
    let copied = copied.and_then(|()| request.set_path_with_query(path.as_deref()));
    copied.map_err(|()| ErrorCode::HttpRequestUriInvalid)?;
    Ok(request)
}

/// The same response, whose body is written down while it is read.
fn incoming(response: Response, exchange: Exchange) -> Response {
    let (status, headers) = (response.get_status_code(), response.get_headers());
    exchange.write(Event::Response { status, headers: recorded(&headers) });
    let (processed, result) = wit_future::new(|| Ok(()));
    let (body, trailers) = Response::consume_body(response, result);
    let (to, contents) = wit_stream::new();
    let (end, ended) = wit_future::new(|| Err(ErrorCode::InternalError(None)));
    let (response, transmitted) = Response::new(headers, Some(contents), ended);
    // It was a response's status before.
    let _ = response.set_status_code(status);
    spawn_local(async move {
        // Who does not want the rest of a body is not told how it ends, and the recording does not have it either.
        let Some(to) = pass_on(body, to, Of::Response, exchange).await else { return };
        let trailers = trailers.await;
        exchange.write(match &trailers {
            Ok(fields) => Event::ResponseEnd(fields.as_ref().map(recorded)),
            Err(code) => Event::Error(code.clone()),
        });
        drop(to);
        let _ = end.write(trailers).await;
        let _ = processed.write(transmitted.await).await;
    });
    response
}
