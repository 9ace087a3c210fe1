//! Timeouts of wasmtime's own sender, for comparison.

use crate::{TIMEOUT, percentiles};
use futures::future::join_all;
use http_body_util::{BodyExt, Empty};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use wasmtime_wasi_http::{RequestOptions, default_send_request};

/// A request that takes longer counts as never failing.
const NEVER: Duration = Duration::from_secs(2);

/// Measures how much later than its timeout a request to `url` fails, in five rounds of 50 concurrent requests.
pub(crate) async fn overruns(url: &str) -> Value {
    let mut overruns = Vec::new();
    for _ in 0..5 {
        let attempts = join_all((0..50).map(|_| time_to_failure(url)));
        for took in attempts.await {
            let Some(took) = took else { return json!("never") };
            overruns.push(took.saturating_sub(TIMEOUT));
        }
    }
    percentiles(overruns)
}

/// How long a request takes to fail, if it does.
async fn time_to_failure(url: &str) -> Option<Duration> {
    let options = RequestOptions {
        connect_timeout: Some(TIMEOUT),
        first_byte_timeout: Some(TIMEOUT),
        between_bytes_timeout: Some(TIMEOUT),
    };
    let request = http::Request::get(url).body(Empty::new().map_err(|never| match never {})).expect("a URL");
    let start = Instant::now();
    let exchange = async {
        let (response, driver) = default_send_request(request, Some(options)).await?;
        let (body, _) = tokio::join!(response.into_body().collect(), driver);
        body.map(drop)
    };
    match tokio::time::timeout(NEVER, exchange).await {
        Ok(result) => {
            assert!(result.is_err(), "{url} answers");
            Some(start.elapsed())
        }
        Err(_) => None,
    }
}
