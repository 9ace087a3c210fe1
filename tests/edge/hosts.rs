//! The composed application on a host built on wasmtime alone.

use crate::stock::Stock;

/// Posts a batch of one. Returns status, body and the number of requests sent.
async fn post(environment: &[(&str, &str)]) -> (u16, String, usize) {
    let mut host = Stock::new(fantail::APPLICATION, environment);
    let (status, text) = host.post("{\"requests\":[\"http://origin.test/ok\"]}").await;
    let text = String::from_utf8(text.to_vec()).unwrap();
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
