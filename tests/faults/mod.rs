//! Tests of the faults that SECURITY.md lists, named by their ids. Each fault hits one request among healthy ones, which must all
//! succeed; afterwards no connection may be left open.

mod connections;
mod framing;
mod heads;
mod http2;
mod tls;
mod torture;

use crate::script::{Script, Step};
use crate::support::{builder, by_id, origin, run, text};
use fantail::{Body, Failure, Harness, Limits, Outcome, Policy, Report};
use fantail_engine::Request;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

/// Timeouts short enough for a test and long enough for a busy machine.
fn policy() -> Policy {
    Policy {
        head_timeout: Some(400 * MS),
        idle_timeout: Some(400 * MS),
        connect_timeout: Some(400 * MS),
        attempt_timeout: Some(2_000 * MS),
        ..Policy::default()
    }
}

/// Answers one request among nine healthy ones with a script, and returns its outcome.
async fn play(steps: impl Into<Vec<Step>>) -> Outcome {
    play_with(&harness(), Request::default(), steps, &policy()).await.0
}

fn harness() -> Harness {
    builder().build().unwrap()
}

/// The same with this harness, request and policy.
async fn play_with(
    harness: &Harness,
    request: Request,
    steps: impl Into<Vec<Step>>,
    policy: &Policy,
) -> (Outcome, Script, Report) {
    let script = Script::start(steps).await;
    let method = if request.method.is_empty() { "GET".to_owned() } else { request.method.clone() };
    let faulty = Request { id: 4, url: script.url(), method, ..request };
    let (outcome, report) = among_healthy(harness, faulty, policy).await;
    script.all_closed().await;
    (outcome, script, report)
}

/// Sends a request among nine healthy ones, which must all succeed, and returns its outcome.
async fn among_healthy(harness: &Harness, faulty: Request, policy: &Policy) -> (Outcome, Report) {
    let origin = origin().await;
    let mut batch: Vec<Request> = (0..10).map(|id| Request::get(id, origin.url("/ok"))).collect();
    batch[4] = faulty;
    let (outcomes, report) = run(harness, futures::stream::iter(batch), policy).await;
    let mut outcomes = by_id(outcomes);
    assert_eq!(outcomes.len(), 10);
    let faulty = outcomes.remove(4);
    for healthy in &outcomes {
        assert_eq!(text(healthy), "hello world");
    }
    (faulty, report)
}

/// Waits until all open connections are idle.
async fn wait_until_idle(harness: &Harness) {
    let idle = async {
        while harness.connections().open > harness.connections().idle {
            tokio::time::sleep(MS).await;
        }
    };
    tokio::time::timeout(10_000 * MS, idle).await.expect("a connection is still in use");
}

/// Describes an outcome in one line: its cause and phase, or its status and body.
fn describe(outcome: &Outcome) -> String {
    match &outcome.result {
        Ok(response) => match &response.body {
            Body::Bytes(bytes) => format!("{} {:?}", response.status, String::from_utf8_lossy(bytes)),
            other => format!("{} {other:?}", response.status),
        },
        Err(Failure { cause, phase, .. }) => format!("{cause} {}", phase.name()),
    }
}

/// A harness with these limits.
fn harness_with_limits(limits: Limits) -> Harness {
    builder().limits(limits).build().unwrap()
}
