//! A component that misbehaves fails its own requests. The harness and its other batches go on.

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

/// A component of our world in which every function loops forever.
fn looping() -> Vec<u8> {
    encode(|text| text.replace("unreachable", "(loop (br 0)) unreachable"))
}

/// A component of our world with dummy functions, whose text `change` may edit.
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

fn harness_of(component: Vec<u8>, limits: Limits) -> Harness {
    builder().component(component).limits(limits).build().unwrap()
}

/// Sends ten requests that the component does not answer, checks that each has its outcome, and returns why the batch broke.
async fn fail_ten_requests(harness: &Harness) -> String {
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
async fn w5_a_trapping_component_fails_each_request() {
    let reason = fail_ten_requests(&harness_of(trapping(), Limits::default())).await;
    // The reason names the trap without a backtrace.
    assert!(reason.contains("unreachable") && !reason.contains("backtrace"), "{reason}");
    assert_eq!(reason.lines().count(), 1, "{reason}");
}

#[tokio::test]
async fn w1_a_looping_component_fails_each_request_and_blocks_no_other_batch() {
    let limits = Limits { stall: Duration::from_millis(500), ..Limits::default() };
    let looping_harness = harness_of(looping(), limits);
    let healthy = harness();
    let start = Instant::now();
    // Both run on the same thread: the loop yields at every epoch tick.
    let (reason, others) = tokio::join!(fail_ten_requests(&looping_harness), async {
        let origin = origin().await;
        run(&healthy, requests((0..100).map(|_| origin.url("/ok"))), &Policy::default()).await.0
    });
    assert!(others.iter().all(|outcome| status(outcome) == Some(200)));
    assert!(reason.contains("without asking anything of the host"), "{reason}");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_batch_beyond_its_wall_clock_limit_is_ended_by_the_harness() {
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
async fn a_body_too_large_for_the_components_memory_fails_only_its_request() {
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
async fn w7_a_component_that_exceeds_a_limit_midway_loses_only_unanswered_requests() {
    // Enough for the first batch, but not for the second.
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
    // The harness still serves the next batch.
    let (outcomes, _) = run(&harness, requests([origin.url("/ok")]), &policy).await;
    assert_eq!(status(&outcomes[0]), Some(200));
}

#[tokio::test]
async fn a_report_is_available_before_any_outcome_is_read() {
    let outcomes = harness().fetch(endless("http://127.0.0.1:9/".to_owned()), &Policy::default()).await.unwrap();
    let report = tokio::time::timeout(Duration::from_secs(5), outcomes.report()).await.unwrap();
    assert_eq!(report.summary.requests, 0);
}

#[tokio::test]
async fn an_early_report_still_adds_up() {
    let origin = origin().await;
    let urls: Vec<String> = (0..20).map(|id| origin.url(if id == 0 { "/ok" } else { "/hang" })).collect();
    let mut outcomes = harness().fetch(requests(urls), &Policy::default()).await.unwrap();
    outcomes.next().await.unwrap();
    let summary = outcomes.report().await.summary;
    assert_eq!((summary.requests, summary.responses, summary.failures), (20, 1, 19));
    assert_eq!(summary.by_cause.into_iter().collect::<Vec<_>>(), [(Cause::Cancelled, 19)]);
}

#[tokio::test]
async fn a_broken_component_fails_the_requests_of_an_endless_input_in_order() {
    let mut outcomes = harness_of(trapping(), Limits::default())
        .fetch(endless("http://127.0.0.1:9/".to_owned()), &Policy::default())
        .await
        .unwrap();
    for id in 0..100 {
        assert_eq!(outcomes.next().await.unwrap().id, id);
    }
}

#[test]
fn bytes_that_are_not_a_component_are_refused_with_a_reason() {
    for (bytes, reason) in [
        (b"hello".to_vec(), "not a WebAssembly component"),
        (wat::parse_str("(module)").unwrap(), "not a WebAssembly component"),
        (wat::parse_str("(component)").unwrap(), "does not fit this host"),
    ] {
        let error = builder().component(bytes).build().err().unwrap();
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn w9_a_component_that_imports_more_than_http_and_clocks_is_refused() {
    let greedy = r#"(component (import "wasi:filesystem/types@0.3.0" (instance (export "f" (func)))))"#;
    let error = builder().component(wat::parse_str(greedy).unwrap()).build().err().unwrap();
    assert!(matches!(error, BuildError::Link(_)), "{error}");
    assert!(error.to_string().contains("wasi:filesystem/types"), "{error}");
}

/// A component that runs `instructions` in every function, and has a table and a function that recurses without end.
fn executing(instructions: &str) -> Vec<u8> {
    encode(|text| {
        let text = text.replace("unreachable", instructions);
        let (rest, end) = text.rsplit_once(')').unwrap();
        format!("{rest}(table $table 1 funcref) (func $deep call $deep) {end})")
    })
}

#[tokio::test]
async fn w2_unbounded_memory_growth_is_denied_at_the_limit() {
    let limits = Limits { memory: 16 << 20, stall: Duration::from_millis(300), ..Limits::default() };
    let harness = harness_of(executing("(loop (drop (memory.grow (i32.const 1))) (br 0)) unreachable"), limits);
    let origin = origin().await;
    let (outcomes, report) = run(&harness, requests([origin.url("/ok")]), &Policy::default()).await;
    assert_eq!(cause(&outcomes[0]), Some(Cause::InternalError));
    assert!((8 << 20..=16 << 20).contains(&report.receipt.memory), "{:?}", report.receipt);
}

#[tokio::test]
async fn w3_unbounded_table_growth_is_denied_at_the_limit() {
    // The component traps as soon as growth is denied.
    let grow =
        "(loop (br_if 0 (i32.ge_s (table.grow $table (ref.null func) (i32.const 1000)) (i32.const 0)))) unreachable";
    let limits = Limits { table_elements: 20_000, ..Limits::default() };
    let reason = fail_ten_requests(&harness_of(executing(grow), limits)).await;
    assert!(reason.contains("unreachable"), "{reason}");
}

#[tokio::test]
async fn w4_unbounded_recursion_traps_and_the_process_survives() {
    let reason = fail_ten_requests(&harness_of(executing("call $deep unreachable"), Limits::default())).await;
    assert!(reason.contains("stack"), "{reason}");
}

#[tokio::test]
async fn w6_total_cpu_time_is_limited_too() {
    let limits = Limits { cpu: Duration::from_millis(300), stall: Duration::from_secs(3_600), ..Limits::default() };
    let reason = fail_ten_requests(&harness_of(looping(), limits)).await;
    assert!(reason.contains("in all"), "{reason}");
}

#[tokio::test]
async fn requests_beyond_the_limit_of_a_batch_are_not_read() {
    let harness = builder().limits(Limits { requests: 100, ..Limits::default() }).build().unwrap();
    let origin = origin().await;
    let (outcomes, report) = run(&harness, endless(origin.url("/ok")), &Policy::default()).await;
    assert_eq!((by_id(outcomes).len(), report.summary.input_ended), (100, false));
    assert_eq!(origin.counts().requests, 100);
}
