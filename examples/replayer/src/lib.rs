//! Answers every request as the recording on standard input has it, without a network.
//!
//! ```sh
//! wac plug --plug replayer.wasm fantail.wasm -o replayed.wasm
//! wasmtime run -Shttp --invoke 'get-all(["http://example.com/"], none)' replayed.wasm < recording.ndjson
//! ```

mod component;
mod read;

use component::{ErrorCode, Fields, Guest, Replayer, Request, Response, wit_future, wit_stream};
use fantail_example_recording::{Event, Header, MAX_BODY_BYTES};
use std::future::pending;
use wit_bindgen::spawn_local;

impl Guest for Replayer {
    async fn send(request: Request) -> Result<Response, ErrorCode> {
        let head = (&request).into();
        let (_, result) = wit_future::new(|| Ok(()));
        let (body, _) = Request::consume_body(request, result);
        let body = body.collect().await;
        let mut events = read::take(&head, &body).map_err(|reason| ErrorCode::InternalError(Some(reason)))?.into_iter();
        match events.next() {
            Some(Event::Response { status, headers }) => response(status, headers, events),
            Some(Event::Error(code)) => Err(code),
            // Its caller did not wait for an answer, and will not now.
            _ => pending().await,
        }
    }
}

/// A response whose body comes piece by piece, and ends as it did.
fn response(
    status: u16,
    headers: Vec<Header>,
    events: impl Iterator<Item = Event> + 'static,
) -> Result<Response, ErrorCode> {
    let (mut to, contents) = wit_stream::new();
    let (end, ended) = wit_future::new(|| Err(ErrorCode::InternalError(None)));
    let (response, _) = Response::new(fields(headers)?, Some(contents), ended);
    response.set_status_code(status).map_err(|()| ErrorCode::HttpProtocolError)?;
    spawn_local(async move {
        for event in events {
            let trailers = match event {
                Event::ResponseBody(piece) => {
                    to.write_all(piece.0).await;
                    continue;
                }
                Event::ResponseEnd(trailers) => trailers.map(fields).transpose(),
                Event::Error(code) => Err(code),
                _ => Err(ErrorCode::InternalError(Some(format!("only {MAX_BODY_BYTES} bytes were recorded")))),
            };
            drop(to);
            let _ = end.write(trailers).await;
            return;
        }
        // Its caller did not wait for more.
        pending::<()>().await;
    });
    Ok(response)
}

fn fields(headers: Vec<Header>) -> Result<Fields, ErrorCode> {
    let headers: Vec<_> = headers.into_iter().map(|(name, value)| (name, value.0)).collect();
    Fields::from_list(&headers).map_err(|error| ErrorCode::InternalError(Some(error.to_string())))
}
