//! Secrets are never reported: tests put canaries wherever a request can hold a secret and look for them in all that is reported.

use crate::support::{builder, by_id, origin, run, text};
use fantail::{BodyMode, Header, Policy};
use fantail_engine::{Request, RequestOptions};
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Collects the log lines of a subscriber.
#[derive(Clone, Default)]
struct LogBuffer(Arc<Mutex<Vec<u8>>>);

impl Write for LogBuffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn header(name: &str, value: &str) -> Header {
    (name.to_owned(), value.into())
}

/// Requests with canaries in every part, most of which fail in some way.
fn requests_with_canaries(origin: &str, refused: &str) -> Vec<Request> {
    let headers = vec![header("authorization", "Bearer canary"), header("x-canary-free", "canary")];
    let request = |path: &str| Request {
        method: "POST".to_owned(),
        headers: headers.clone(),
        body: Some(b"canary".to_vec()),
        ..Request::get(0, format!("{origin}{path}?canary=canary"))
    };
    let secret = RequestOptions { secret_headers: vec!["x-canary-free".to_owned()], ..RequestOptions::default() };
    let mut all: Vec<Request> =
        ["/echo", "/close", "/reset", "/hang", "/short", "/garbage", "/headers/1000", "/bytes/2000", "/drip/9000"]
            .map(request)
            .into();
    all.push(Request { options: secret, ..request("/redirect/307?http://canary:canary@elsewhere.test/canary") });
    all.push(request(&format!("/redirect/307?{origin}/echo?canary")));
    all.push(Request { url: format!("{refused}?canary"), ..request("") });
    all.push(Request { url: "http://canary:canary@127.0.0.1/?canary".to_owned(), ..request("") });
    all.push(Request { url: "http://10.0.0.1/canary?canary".to_owned(), ..request("") });
    all.push(Request { headers: vec![header("x-bad", "canary\r\nx: canary")], ..request("/ok") });
    all.push(Request { headers: vec![header("content-length", "12345")], ..request("/ok") });
    all.into_iter().zip(0..).map(|(request, id)| Request { id, ..request }).collect()
}

#[tokio::test]
async fn secrets_appear_in_no_failure_report_or_trace() {
    let (origin, refused, log) = (origin().await, crate::support::refused_url().await, LogBuffer::default());
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .finish();
    // With a single subscriber, `tracing` caches for all threads whether a callsite is enabled, as the first test that reaches it decides.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    // The whole batch runs on this thread.
    let _guard = tracing::subscriber::set_default(subscriber);
    let harness = builder().build().unwrap();
    let policy = Policy {
        head_timeout: Some(Duration::from_millis(200)),
        idle_timeout: Some(Duration::from_millis(200)),
        max_body: Some(1_000),
        redirects: Some(2),
        retries: Some(1),
        ..Policy::default()
    };
    let mut reported = String::new();
    for body in [BodyMode::Bytes, BodyMode::Discard] {
        let policy = Policy { body: Some(body), ..policy.clone() };
        let (outcomes, report) =
            run(&harness, futures::stream::iter(requests_with_canaries(&origin.url(""), &refused)), &policy).await;
        for outcome in &by_id(outcomes) {
            if let Err(failure) = &outcome.result {
                reported.push_str(&format!("{} {failure:?}\n", outcome.id));
            }
        }
        reported.push_str(&format!("{report:?}\n"));
    }
    assert!(reported.lines().count() > 20, "most of the requests fail: {reported}");
    assert!(!reported.contains("canary"), "{reported}");
    let traces = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    // Nothing is promised for the traces of other crates.
    let ours: Vec<&str> = traces.lines().filter(|line| line.contains(" fantail::")).collect();
    assert!(ours.iter().any(|line| line.contains("head") && line.contains("port")), "{ours:?}");
    assert!(ours.iter().any(|line| line.contains("outcome") && line.contains("attempts")), "{ours:?}");
    assert!(!ours.iter().any(|line| line.contains("canary")), "{ours:?}");
}

#[tokio::test]
async fn the_callers_trace_context_is_passed_on_unchanged() {
    let origin = origin().await;
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers = vec![header("traceparent", parent), header("tracestate", "a=b")];
    let request = Request { headers, ..Request::get(0, origin.url("/echo")) };
    let outcome = crate::support::run_one(&builder().build().unwrap(), request, &Policy::default()).await;
    assert!(text(&outcome).contains(&format!("traceparent: {parent}")), "{}", text(&outcome));
}
