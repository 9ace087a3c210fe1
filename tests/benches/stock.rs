//! wasmtime's own sender, for comparison.

use crate::{TIMEOUT, spread};
use futures::future::join_all;
use http_body_util::{BodyExt, Empty};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use wasmtime_wasi_http::{RequestOptions, default_send_request};

/// After this it counts as never.
const NEVER: Duration = Duration::from_secs(2);

/// How much later than its timeout a request to `url` fails, with 50 at once, five times.
pub(crate) async fn late(url: &str) -> Value {
    let mut late = Vec::new();
    for _ in 0..5 {
        let attempts = join_all((0..50).map(|_| failing(url)));
        for took in attempts.await {
            let Some(took) = took else { return json!("never") };
            late.push(took.saturating_sub(TIMEOUT));
        }
    }
    spread(late)
}

/// How long it takes to fail, if it does.
async fn failing(url: &str) -> Option<Duration> {
    let options = RequestOptions {
        connect_timeout: Some(TIMEOUT),
        first_byte_timeout: Some(TIMEOUT),
        between_bytes_timeout: Some(TIMEOUT),
    };
    let request = http::Request::get(url).body(Empty::new().map_err(|never| match never {})).expect("a URL");
    let begun = Instant::now();
    let exchange = async {
        let (response, driver) = default_send_request(request, Some(options)).await?;
        let (body, _) = tokio::join!(response.into_body().collect(), driver);
        body.map(drop)
    };
    match tokio::time::timeout(NEVER, exchange).await {
        Ok(ended) => {
            assert!(ended.is_err(), "{url} answers");
            Some(begun.elapsed())
        }
        Err(_) => None,
    }
}
