//! What is secret is told to nobody: it is planted wherever it can be, and looked for in everything that is told.

use crate::support::{builder, by_id, origin, run, text};
use fantail::{BodyMode, Header, Policy};
use fantail_engine::{Overrides, Request};
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Whatever is written to it.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
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

/// Requests with canaries in every place, most of which fail in some way.
fn planted(origin: &str, refused: &str) -> Vec<Request> {
    let headers = vec![header("authorization", "Bearer canary"), header("x-canary-free", "canary")];
    let request = |path: &str| Request {
        method: "POST".to_owned(),
        headers: headers.clone(),
        body: Some(b"canary".to_vec()),
        ..Request::get(0, format!("{origin}{path}?canary=canary"))
    };
    let secret = Overrides { secret_headers: vec!["x-canary-free".to_owned()], ..Overrides::default() };
    let mut all: Vec<Request> =
        ["/echo", "/close", "/reset", "/hang", "/short", "/garbage", "/headers/1000", "/bytes/2000", "/drip/9000"]
            .map(request)
            .into();
    all.push(Request { overrides: secret, ..request("/redirect/307?http://canary:canary@elsewhere.test/canary") });
    all.push(request(&format!("/redirect/307?{origin}/echo?canary")));
    all.push(Request { url: format!("{refused}?canary"), ..request("") });
    all.push(Request { url: "http://canary:canary@127.0.0.1/?canary".to_owned(), ..request("") });
    all.push(Request { url: "http://10.0.0.1/canary?canary".to_owned(), ..request("") });
    all.push(Request { headers: vec![header("x-bad", "canary\r\nx: canary")], ..request("/ok") });
    all.push(Request { headers: vec![header("content-length", "12345")], ..request("/ok") });
    all.into_iter().zip(0..).map(|(request, id)| Request { id, ..request }).collect()
}

#[tokio::test]
async fn canaries_that_were_planted_are_nowhere_in_what_is_told() {
    let (origin, refused, written) = (origin().await, crate::support::refused().await, Written::default());
    let writer = written.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .finish();
    // With one subscriber only, `tracing` lets whichever test comes first to a place decide for all threads whether it is of interest.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    // All of it runs on this thread.
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
    let mut told = String::new();
    for body in [BodyMode::Bytes, BodyMode::Discard] {
        let policy = Policy { body: Some(body), ..policy.clone() };
        let (outcomes, report) =
            run(&harness, futures::stream::iter(planted(&origin.url(""), &refused)), &policy).await;
        for outcome in &by_id(outcomes) {
            if let Err(failure) = &outcome.result {
                told.push_str(&format!("{} {failure:?}\n", outcome.id));
            }
        }
        told.push_str(&format!("{report:?}\n"));
    }
    assert!(told.lines().count() > 20, "most of it fails: {told}");
    assert!(!told.contains("canary"), "{told}");
    let traces = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    // Other crates have their own traces, for which nothing is promised.
    let ours: Vec<&str> = traces.lines().filter(|line| line.contains(" fantail::")).collect();
    assert!(ours.iter().any(|line| line.contains("head") && line.contains("port")), "{ours:?}");
    assert!(ours.iter().any(|line| line.contains("outcome") && line.contains("attempts")), "{ours:?}");
    assert!(!ours.iter().any(|line| line.contains("canary")), "{ours:?}");
}

#[tokio::test]
async fn a_trace_context_of_the_callers_is_passed_on_as_it_is() {
    let origin = origin().await;
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers = vec![header("traceparent", parent), header("tracestate", "a=b")];
    let request = Request { headers, ..Request::get(0, origin.url("/echo")) };
    let outcome = crate::support::run_one(&builder().build().unwrap(), request, &Policy::default()).await;
    assert!(text(&outcome).contains(&format!("traceparent: {parent}")), "{}", text(&outcome));
}
