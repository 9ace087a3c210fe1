//! A fan-out without Fantail, for comparison: fetches URLs with limited concurrency and writes a line for each as it ends. It has no
//! deadline, no limit on bodies and no retries, and reports failures with the message of the host.

use futures::{SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use spin_sdk::http::body::{IncomingBodyExt, stream};
use spin_sdk::http::{IntoResponse, Request, Response, StatusCode};
use spin_sdk::http_service;

#[derive(Deserialize)]
struct Batch {
    concurrency: usize,
    requests: Vec<String>,
}

#[derive(Serialize)]
struct Outcome {
    id: usize,
    status: Option<u16>,
    body: Option<String>,
    error: Option<String>,
}

#[http_service]
async fn handle(request: Request) -> impl IntoResponse {
    let batch = request.into_body().bytes().await.map(|bytes| serde_json::from_slice::<Batch>(&bytes));
    let Ok(Ok(Batch { concurrency, requests })) = batch else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let (mut lines, body) = stream::<Vec<u8>>();
    spin_sdk::wasip3::spawn(async move {
        let fetched = requests.into_iter().enumerate().map(|(id, url)| fetch(id, url));
        let mut fetched = futures::stream::iter(fetched).buffer_unordered(concurrency);
        while let Some(outcome) = fetched.next().await {
            let mut line = serde_json::to_vec(&outcome).unwrap_or_default();
            line.push(b'\n');
            if lines.send(line).await.is_err() {
                return;
            }
        }
    });
    Response::new(body).into_response()
}

async fn fetch(id: usize, url: String) -> Outcome {
    let result = async {
        let response = spin_sdk::http::get(&url).await?;
        let status = response.status().as_u16();
        Ok::<_, spin_sdk::wasip3::http::types::ErrorCode>((status, response.into_body().bytes().await?))
    };
    match result.await {
        Ok((status, body)) => {
            let body = Some(String::from_utf8_lossy(&body).into_owned());
            Outcome { id, status: Some(status), body, error: None }
        }
        Err(error) => Outcome { id, status: None, body: None, error: Some(error.to_string()) },
    }
}
