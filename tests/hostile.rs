//! Components that misbehave end in errors per request. The harness, and whatever else it runs, go on.

use crate::support::{builder, by_id, cause, endless, failure, harness, origin, requests, root, run, status, wasi};
use fantail::{BuildError, Cause, End, Fault, Harness, Limits, Phase, Policy, Wasi};
use futures::StreamExt;
use std::time::{Duration, Instant};
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve};

/// A component of our world in which every function traps.
pub(crate) fn trapping() -> Vec<u8> {
    encode(|text| text)
}

/// A component of our world in which every function computes for ever.
fn looping() -> Vec<u8> {
    encode(|text| text.replace("unreachable", "(loop (br 0)) unreachable"))
}

fn encode(change: impl Fn(String) -> String) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let (folder, abi) = match wasi() {
        Wasi::P2 => ("component-p2", LiftLowerAbi::Sync),
        Wasi::P3 => ("component", LiftLowerAbi::AsyncCallback),
    };
    let (package, _) = resolve.push_path(root().join("wit").join(folder)).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let module = dummy_module(&resolve, world, ManglingAndAbi::Legacy(abi));
    let mut module = wat::parse_str(change(wasmprinter::print_bytes(module).unwrap())).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
}

fn hosting(component: Vec<u8>, limits: Limits) -> Harness {
    builder().component(component).limits(limits).build().unwrap()
}

/// Ten requests, none answered by the component: each has its outcome all the same.
async fn ten_unanswered(harness: &Harness) -> String {
    let origin = origin().await;
    let (outcomes, report) = run(harness, requests((0..10).map(|_| origin.url("/ok"))), &Policy::default()).await;
    let outcomes = by_id(outcomes);
    assert_eq!(outcomes.len(), 10);
    for outcome in &outcomes {
        let failure = failure(outcome);
        assert_eq!((failure.cause, failure.phase, failure.fault), (Cause::InternalError, Phase::Guest, Fault::Host));
    }
    assert_eq!((report.summary.requests, report.summary.failures), (10, 10));
    assert_eq!(origin.counts().connections, 0);
    let End::Broken(reason) = report.end else { panic!("{:?}", report.end) };
    reason
}

#[tokio::test]
async fn w5_a_trapping_component_ends_in_errors_per_request() {
    let reason = ten_unanswered(&hosting(trapping(), Limits::default())).await;
    // T14: the trap, and not where it happened.
    assert!(reason.contains("unreachable") && !reason.contains("backtrace"), "{reason}");
    assert_eq!(reason.lines().count(), 1, "{reason}");
}

#[tokio::test]
async fn w1_a_looping_component_ends_in_errors_per_request_and_holds_up_nobody() {
    let limits = Limits { stall: Duration::from_millis(500), ..Limits::default() };
    let harness_of_loops = hosting(looping(), limits);
    let healthy = harness();
    let start = Instant::now();
    // On the same thread: the loop gives way at every tick.
    let (reason, others) = tokio::join!(ten_unanswered(&harness_of_loops), async {
        let origin = origin().await;
        run(&healthy, requests((0..100).map(|_| origin.url("/ok"))), &Policy::default()).await.0
    });
    assert!(others.iter().all(|outcome| status(outcome) == Some(200)));
    assert!(reason.contains("without asking anything of the host"), "{reason}");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_batch_that_takes_too_long_is_ended_from_outside() {
    let limits = Limits { wall: Duration::from_millis(300), ..Limits::default() };
    let harness = builder().limits(limits).build().unwrap();
    let origin = origin().await;
    let urls = (0..10).map(|id| origin.url(if id < 4 { "/ok" } else { "/hang" }));
    let (outcomes, report) = run(&harness, requests(urls), &Policy::default()).await;
    let outcomes = by_id(outcomes);
    assert!(outcomes[..4].iter().all(|outcome| status(outcome) == Some(200)));
    assert!(outcomes[4..].iter().all(|outcome| cause(outcome) == Some(Cause::InternalError)));
    assert!(matches!(&report.end, End::Broken(reason) if reason.contains("took longer than 300ms")));
    crate::support::until(&origin, |counts| counts.in_flight == 0).await;
}

#[tokio::test]
async fn a_body_that_the_component_has_no_memory_for_is_that_requests_failure_alone() {
    let limits = Limits { memory: 8 << 20, ..Limits::default() };
    let harness = builder().limits(limits).build().unwrap();
    let origin = origin().await;
    let policy = Policy { max_body: Some(30 << 20), concurrency: Some(4), window: Some(4), ..Policy::default() };
    let urls = (0..30).map(|id| origin.url(if id == 20 { "/bytes/29000000" } else { "/ok" }));
    let (outcomes, report) = run(&harness, requests(urls), &policy).await;
    let outcomes = by_id(outcomes);
    assert_eq!(outcomes.len(), 30);
    assert_eq!(failure(&outcomes[20]).detail.as_deref(), Some("the component has no memory left for the body"));
    assert_eq!(report.summary.responses, 29);
    assert!(matches!(report.end, End::Finished(Some(_))), "{:?}", report.end);
}

#[tokio::test]
async fn w7_a_component_that_passes_a_limit_halfway_loses_only_what_it_had_not_answered() {
    // Enough to begin with, not enough for what follows.
    let limits = Limits { handles: 100, ..Limits::default() };
    let harness = builder().limits(limits).build().unwrap();
    let origin = origin().await;
    let policy = Policy { concurrency: Some(2), window: Some(2), ..Policy::default() };
    let mut outcomes = harness.fetch(requests((0..4).map(|_| origin.url("/ok"))), &policy).await.unwrap();
    let first = outcomes.next().await.unwrap();
    assert_eq!(status(&first), Some(200));
    drop(outcomes);
    let wide = Policy { concurrency: Some(64), ..Policy::default() };
    let (outcomes, report) = run(&harness, requests((0..200).map(|_| origin.url("/delay/20"))), &wide).await;
    assert_eq!(by_id(outcomes).len(), 200);
    assert!(matches!(report.end, End::Broken(_)), "{:?}", report.end);
    // The same harness serves the next batch.
    let (outcomes, _) = run(&harness, requests([origin.url("/ok")]), &policy).await;
    assert_eq!(status(&outcomes[0]), Some(200));
}

#[tokio::test]
async fn a_report_can_be_had_without_asking_for_anything() {
    let outcomes = harness().fetch(endless("http://127.0.0.1:9/".to_owned()), &Policy::default()).await.unwrap();
    let report = tokio::time::timeout(Duration::from_secs(5), outcomes.report()).await.unwrap();
    assert_eq!(report.summary.requests, 0);
}

#[tokio::test]
async fn a_report_asked_for_early_still_adds_up() {
    let origin = origin().await;
    let urls: Vec<String> = (0..20).map(|id| origin.url(if id == 0 { "/ok" } else { "/hang" })).collect();
    let mut outcomes = harness().fetch(requests(urls), &Policy::default()).await.unwrap();
    outcomes.next().await.unwrap();
    let summary = outcomes.report().await.summary;
    assert_eq!((summary.requests, summary.responses, summary.failures), (20, 1, 19));
    assert_eq!(summary.by_cause.into_iter().collect::<Vec<_>>(), [(Cause::Cancelled, 19)]);
}

#[tokio::test]
async fn a_broken_component_and_an_endless_input_go_no_further_than_the_reader() {
    let mut outcomes = hosting(trapping(), Limits::default())
        .fetch(endless("http://127.0.0.1:9/".to_owned()), &Policy::default())
        .await
        .unwrap();
    for id in 0..100 {
        assert_eq!(outcomes.next().await.unwrap().id, id);
    }
}

#[test]
fn bytes_that_are_no_component_are_refused_with_words() {
    for (bytes, why) in [
        (b"hello".to_vec(), "not a WebAssembly component"),
        (wat::parse_str("(module)").unwrap(), "not a WebAssembly component"),
        (wat::parse_str("(component)").unwrap(), "does not fit this host"),
    ] {
        let error = builder().component(bytes).build().err().unwrap();
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[test]
fn w9_a_component_that_wants_more_than_http_and_clocks_is_refused() {
    let greedy = r#"(component (import "wasi:filesystem/types@0.3.0" (instance (export "f" (func)))))"#;
    let error = builder().component(wat::parse_str(greedy).unwrap()).build().err().unwrap();
    assert!(matches!(error, BuildError::Link(_)), "{error}");
    assert!(error.to_string().contains("wasi:filesystem/types"), "{error}");
}

/// A component that does this wherever it is called, with a table and a function that never comes back from itself.
fn doing(what: &str) -> Vec<u8> {
    encode(|text| {
        let text = text.replace("unreachable", what);
        let (rest, end) = text.rsplit_once(')').unwrap();
        format!("{rest}(table $table 1 funcref) (func $deep call $deep) {end})")
    })
}

#[tokio::test]
async fn w2_memory_without_end_is_denied_at_the_limit() {
    let limits = Limits { memory: 16 << 20, stall: Duration::from_millis(300), ..Limits::default() };
    let harness = hosting(doing("(loop (drop (memory.grow (i32.const 1))) (br 0)) unreachable"), limits);
    let origin = origin().await;
    let (outcomes, report) = run(&harness, requests([origin.url("/ok")]), &Policy::default()).await;
    assert_eq!(cause(&outcomes[0]), Some(Cause::InternalError));
    assert!((8 << 20..=16 << 20).contains(&report.receipt.memory), "{:?}", report.receipt);
}

#[tokio::test]
async fn w3_tables_without_end_are_denied_at_the_limit() {
    // It traps as soon as it is denied.
    let grow =
        "(loop (br_if 0 (i32.ge_s (table.grow $table (ref.null func) (i32.const 1000)) (i32.const 0)))) unreachable";
    let limits = Limits { table_elements: 20_000, ..Limits::default() };
    let reason = ten_unanswered(&hosting(doing(grow), limits)).await;
    assert!(reason.contains("unreachable"), "{reason}");
}

#[tokio::test]
async fn w4_recursion_without_end_is_a_trap_and_the_process_lives() {
    let reason = ten_unanswered(&hosting(doing("call $deep unreachable"), Limits::default())).await;
    assert!(reason.contains("stack"), "{reason}");
}

#[tokio::test]
async fn w6_computing_is_limited_in_sum_too() {
    let limits = Limits { cpu: Duration::from_millis(300), stall: Duration::from_secs(3_600), ..Limits::default() };
    let reason = ten_unanswered(&hosting(looping(), limits)).await;
    assert!(reason.contains("in all"), "{reason}");
}

#[tokio::test]
async fn requests_beyond_those_that_a_batch_may_have_stay_unread() {
    let harness = builder().limits(Limits { requests: 100, ..Limits::default() }).build().unwrap();
    let origin = origin().await;
    let (outcomes, report) = run(&harness, endless(origin.url("/ok")), &Policy::default()).await;
    assert_eq!((by_id(outcomes).len(), report.summary.input_ended), (100, false));
    assert_eq!(origin.counts().requests, 100);
}
