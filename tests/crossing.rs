//! What passes between two components: a caller composed with the component, in a host of plain wasmtime under its defaults.

use crate::stock::{Host, Stock};
use crate::support::build_guest;
use bindings::Crossing;
use bindings::exports::test::crossing::caller::{Answer, Workload};
use component_builder::compose;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use wasmtime::Store;
use wasmtime::component::Accessor;

mod bindings {
    wasmtime::component::bindgen!({
        inline: "package test:host; world crossing { export test:crossing/caller; }",
        path: ["../../wit/component", "../../tests/crossing/wit"],
        world: "test:host/crossing",
        require_store_data_send: true,
    });
}

const KIB: u32 = 1 << 10;
const MIB: u32 = 1 << 20;

/// Body sizes in bytes.
const SIZES: [u32; 5] = [0, KIB, 100_000, 900_000, 8 * MIB];

/// Pairs of a body size and a number of requests; the largest bodies come in smaller numbers.
fn cases() -> impl Iterator<Item = (u32, u32)> {
    let counts = |size| if size < MIB { [1, 20, 200].as_slice() } else { &[1, 20] };
    SIZES.into_iter().flat_map(move |size| counts(size).iter().map(move |count| (size, *count)))
}

async fn composed() -> (Stock, Crossing) {
    let caller = compose(&build_guest("fantail-crossing"), &[fantail::COMPONENT]).unwrap();
    let mut host = Stock::new(&caller, &[]);
    let instance = Crossing::instantiate_async(&mut host.store, &host.component, &host.linker).await.unwrap();
    (host, instance)
}

/// Limits concurrency so that the bodies in flight are at most 64 MiB.
fn workload(path: &str, count: u32, size: u32) -> Workload {
    let concurrency = (64 * MIB / size.max(1)).clamp(1, 64);
    Workload { url: format!("http://origin.test{path}"), count, concurrency, upload: None, header: 0 }
}

async fn by_batch(store: &mut Store<Host>, instance: &Crossing, workload: Workload) -> Vec<Answer> {
    let guest = instance.test_crossing_caller();
    store.run_concurrent(async |store| guest.call_by_batch(store, workload).await).await.unwrap().unwrap()
}

async fn by_list(store: &mut Store<Host>, instance: &Crossing, workload: Workload) -> Vec<Answer> {
    let guest = instance.test_crossing_caller();
    store.run_concurrent(async |store| guest.call_by_list(store, workload).await).await.unwrap().unwrap()
}

/// Asserts that each of `count` requests has its answer, with a body of `size` times `byte`.
fn assert_whole(answers: &[Answer], count: u32, size: u32, byte: u8) {
    assert!(answers.iter().map(|answer| answer.id).eq(0..count), "{count} of {size} bytes");
    let sum = (u64::from(size) / 8).wrapping_mul(u64::from_le_bytes([byte; 8]));
    let sum = sum.wrapping_add(u64::from(size) % 8 * u64::from(byte));
    for answer in answers {
        assert_eq!(answer.status, 200, "{size}: {}", answer.failure);
        assert_eq!((answer.length, answer.sum), (size.into(), sum), "{size}");
    }
}

#[tokio::test]
async fn x1_x2_bodies_of_every_size_pass_intact_one_or_many_at_once() {
    let (mut host, instance) = composed().await;
    for (size, count) in cases() {
        let workload = workload(&format!("/bytes/{size}"), count, size);
        let answers = by_batch(&mut host.store, &instance, workload.clone()).await;
        assert_whole(&answers, count, size, b'x');
        if u64::from(count) * u64::from(size) <= 56 << 20 {
            assert_whole(&by_list(&mut host.store, &instance, workload).await, count, size, b'x');
        }
    }
}

#[tokio::test]
async fn uploads_of_every_size_arrive_intact() {
    let (mut host, instance) = composed().await;
    for (size, count) in cases() {
        let workload = Workload { upload: Some(size), ..workload("/echo", count, size * 2) };
        let answers = by_batch(&mut host.store, &instance, workload).await;
        assert_whole(&answers, count, size, b'u');
    }
}

#[tokio::test]
async fn sixty_kilobyte_headers_pass_in_both_directions() {
    let (mut host, instance) = composed().await;
    for count in [1, 200] {
        let workload = Workload { header: 60_000, ..workload("/header/60000", count, 120_000) };
        let answers = by_batch(&mut host.store, &instance, workload).await;
        assert!(answers.iter().all(|answer| answer.status == 200 && answer.headers >= 60_000), "{:?}", answers[0]);
    }
}

#[tokio::test]
async fn responses_that_do_not_fit_into_one_list_fail_as_too_large() {
    let (mut host, instance) = composed().await;
    let answers = by_list(&mut host.store, &instance, workload("/bytes/1000000", 100, MIB)).await;
    let (whole, too_large): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((whole.len(), too_large.len()), (67, 33), "64 MiB fit");
    assert!(
        too_large
            .iter()
            .all(|answer| answer.failure.starts_with("body-too-large: the list has no room left for the response"))
    );
}

#[tokio::test]
async fn a_batch_makes_progress_between_calls() {
    let (mut host, instance) = composed().await;
    let guest = instance.test_crossing_caller();
    let url = "http://origin.test/delay/20".to_owned();
    let ready = host.store.run_concurrent(async |store| guest.call_between_calls(store, url, 100).await);
    assert_eq!(ready.await.unwrap().unwrap(), 100);
}

#[tokio::test]
async fn several_tasks_of_a_caller_can_push_and_take_concurrently() {
    let (mut host, instance) = composed().await;
    let guest = instance.test_crossing_caller();
    let url = "http://origin.test/ok".to_owned();
    let taken = host.store.run_concurrent(async |store| guest.call_concurrent_takers(store, url, 500).await);
    assert_eq!(taken.await.unwrap().unwrap(), 500);
}

/// Asserts that everything in flight is cancelled within 50 ms of the drop, and that the drop itself does not wait.
async fn assert_all_cancelled(how: u32) {
    let (mut host, instance) = composed().await;
    let guest = instance.test_crossing_caller();
    let (url, in_flight) = ("http://origin.test/hang".to_owned(), host.in_flight());
    let still_in_flight = in_flight.clone();
    let cancelled_after = host.store.run_concurrent(async |store| {
        let drop_ns = guest.call_abandon(store, url, 64, how).await.unwrap();
        assert!(Duration::from_nanos(drop_ns) < Duration::from_millis(50), "the drop took {drop_ns} ns");
        let dropped = Instant::now();
        while in_flight.load(Ordering::SeqCst) > 0 && dropped.elapsed() < Duration::from_secs(5) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        dropped.elapsed()
    });
    let cancelled_after = cancelled_after.await.unwrap();
    assert!(
        cancelled_after < Duration::from_millis(50),
        "{} still in flight after {cancelled_after:?}",
        still_in_flight.load(Ordering::SeqCst)
    );
    assert_eq!(host.requests_sent(), if how == 2 { 65 } else { 64 });
}

#[tokio::test]
async fn dropping_a_pending_call_and_its_batch_leaves_nothing_in_flight() {
    assert_all_cancelled(0).await;
}

#[tokio::test]
async fn cancelling_a_batch_ends_a_pending_call_and_leaves_nothing_in_flight() {
    assert_all_cancelled(1).await;
}

#[tokio::test]
async fn dropping_a_batch_while_holding_an_unread_body_leaves_nothing_else_in_flight() {
    assert_all_cancelled(2).await;
}

/// The size of the table that wasmtime keeps for the instance after each of five runs.
async fn table_sizes_after(run: impl AsyncFn(&Accessor<Host>, &Crossing)) -> Vec<usize> {
    let (mut host, instance) = composed().await;
    let mut sizes = Vec::new();
    for _ in 0..5 {
        let finished = host.store.run_concurrent(async |store| {
            run(store, &instance).await;
            // What was dropped last needs a turn to be cleaned up.
            tokio::time::sleep(Duration::from_millis(20)).await;
        });
        finished.await.unwrap();
        sizes.push(host.store.concurrent_state_table_size());
    }
    sizes
}

#[tokio::test]
async fn five_thousand_batches_in_one_instance_leave_nothing_behind() {
    let sizes = table_sizes_after(async |store, instance| {
        instance
            .test_crossing_caller()
            .call_many_batches(store, "http://origin.test/ok".to_owned(), 1_000)
            .await
            .unwrap();
    });
    let sizes = sizes.await;
    assert!(sizes[4] <= sizes[0] + 8, "{sizes:?}");
}

#[tokio::test]
async fn calls_that_return_immediately_leave_nothing_behind() {
    let sizes = table_sizes_after(async |store, instance| {
        instance
            .test_crossing_caller()
            .call_ready_calls(store, "http://origin.test/ok".to_owned(), 1_000)
            .await
            .unwrap();
    });
    let sizes = sizes.await;
    assert!(sizes[4] <= sizes[0] + 8, "{sizes:?}");
}
