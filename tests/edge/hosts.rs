//! The composed application on a host built on wasmtime alone.

use crate::stock::Stock;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use wasmtime_wasi_http::p3::bindings::Service;
use wasmtime_wasi_http::{Error, WasiHttpView, p3};

/// Posts a batch of one, as any host of wasi:http/handler would. Returns status, body and the number of requests sent.
async fn post(environment: &[(&str, &str)]) -> (u16, String, usize) {
    let mut host = Stock::new(fantail::APPLICATION, environment);
    let service = Service::instantiate_async(&mut host.store, &host.component, &host.linker).await.unwrap();
    let request = Request::post("http://edge.test/").header("content-type", "application/json");
    let request = request.header("authorization", "Bearer secret");
    let batch = Full::new(Bytes::from("{\"requests\":[\"http://origin.test/ok\"]}"));
    let request = request.body(batch.map_err(|never| -> Error { match never {} })).unwrap();
    let answer = host.store.run_concurrent(async move |accessor| {
        let request = accessor.with(|mut store| p3::Request::from_http(store.get().http().hooks, request).0);
        let response = service.handle(accessor, request).await.unwrap().unwrap();
        let response = accessor.with(|store| response.into_http(store, async { Ok(()) })).unwrap();
        let (head, body) = response.into_parts();
        (head.status.as_u16(), String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap())
    });
    let (status, text) = answer.await.unwrap();
    (status, text, host.requests_sent())
}

#[tokio::test]
async fn the_application_reads_its_variables_from_the_environment() {
    let (status, text, sent) = post(&[("SPIN_VARIABLE_API_TOKEN", "secret")]).await;
    assert_eq!((status, sent), (200, 1));
    assert!(text.contains("\"body\":\"hello\"") && text.ends_with("\"input_ended\":true}}\n"), "{text}");
    let (status, text, sent) =
        post(&[("SPIN_VARIABLE_API_TOKEN", "secret"), ("SPIN_VARIABLE_MAX_REQUESTS", "0")]).await;
    assert_eq!((status, sent), (413, 0), "{text}");
}

#[tokio::test]
async fn without_variables_the_application_reports_that_it_is_not_configured() {
    let (status, text, sent) = post(&[]).await;
    assert_eq!((status, sent), (503, 0));
    assert!(text.contains("no token is configured"), "{text}");
}
