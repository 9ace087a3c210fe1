//! The application for Spin: `POST /` takes a batch, and streams one line per outcome as they complete.
//!
//! It imports `fantail:fetch/batch`, which decides everything about the fan-out. The application decides who may use
//! it, within which limits, and how a batch is written.
//!
//! One request is one task, and everything it waits for is polled and dropped inside it: the version of wit-bindgen in
//! spin-sdk 7 does not support anything else. Nothing but a count of batches is shared between requests, and nothing may
//! panic, because a trap would end all requests of the instance.

mod answer;
mod batches;
mod ceilings;
mod client;
mod convert;
mod input;
mod intake;
mod lines;
mod malformed;
mod page;
mod pending;
mod post;
mod settings;
mod stream;
mod token;

mod bindings {
    spin_sdk::wit_bindgen::generate!({
        inline: "package fantail:edge; world edge { import fantail:fetch/batch@0.1.0; }",
        path: "../../wit/fetch",
        world: "fantail:edge/edge",
        runtime_path: "::spin_sdk::wit_bindgen::rt",
        generate_all,
    });
}

use spin_sdk::http::{IntoResponse, Method, Request};
use spin_sdk::http_service;

#[http_service]
async fn handle(request: Request) -> impl IntoResponse {
    let (head, body) = request.into_parts();
    let reading = [Method::GET, Method::HEAD].contains(&head.method);
    match head.uri.path() {
        "/" if head.method == Method::POST => match post::post(&head.headers, body).await {
            Ok(response) => Ok(response),
            Err(problem) => answer::problem(&problem),
        },
        "/" if !reading => answer::not_allowed("GET, HEAD, POST"),
        "/healthz" if reading => answer::healthy(),
        "/healthz" => answer::not_allowed("GET, HEAD"),
        path => match page::file(path) {
            Some((content_type, content)) if reading => answer::page(content_type, content),
            Some(_) => answer::not_allowed("GET, HEAD"),
            None => answer::not_found(path),
        },
    }
}
