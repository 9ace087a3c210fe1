//! What passes between two components: a caller and the component, composed, in a host of wasmtime's own making under its defaults.

use crate::stock::{Host, Stock};
use crate::support::guest;
use bindings::Crossing;
use bindings::exports::test::crossing::caller::{Answer, Wanted};
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

/// The sizes that bodies have.
const SIZES: [u32; 5] = [0, KIB, 100_000, 900_000, 8 * MIB];

/// Alone, and many at once: the largest not so many.
fn cases() -> impl Iterator<Item = (u32, u32)> {
    let counts = |size| if size < MIB { [1, 20, 200].as_slice() } else { &[1, 20] };
    SIZES.into_iter().flat_map(move |size| counts(size).iter().map(move |count| (size, *count)))
}

async fn composed() -> (Stock, Crossing) {
    let caller = compose(&guest("fantail-crossing"), &[fantail::COMPONENT]).unwrap();
    let mut host = Stock::new(&caller, &[]);
    let instance = Crossing::instantiate_async(&mut host.store, &host.component, &host.linker).await.unwrap();
    (host, instance)
}

/// So many at once that their bodies are 64 MiB at most.
fn wanted(path: &str, count: u32, size: u32) -> Wanted {
    let concurrency = (64 * MIB / size.max(1)).clamp(1, 64);
    Wanted { url: format!("http://origin.test{path}"), count, concurrency, upload: None, header: 0 }
}

async fn by_batch(store: &mut Store<Host>, instance: &Crossing, wanted: Wanted) -> Vec<Answer> {
    let guest = instance.test_crossing_caller();
    store.run_concurrent(async |store| guest.call_by_batch(store, wanted).await).await.unwrap().unwrap()
}

async fn by_list(store: &mut Store<Host>, instance: &Crossing, wanted: Wanted) -> Vec<Answer> {
    let guest = instance.test_crossing_caller();
    store.run_concurrent(async |store| guest.call_by_list(store, wanted).await).await.unwrap().unwrap()
}

/// That each of so many has its answer, with a body of so many bytes of this kind.
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
async fn x1_x2_bodies_of_every_size_come_whole_alone_and_many_at_once() {
    let (mut host, instance) = composed().await;
    for (size, count) in cases() {
        let wanted = wanted(&format!("/bytes/{size}"), count, size);
        let answers = by_batch(&mut host.store, &instance, wanted.clone()).await;
        assert_whole(&answers, count, size, b'x');
        if u64::from(count) * u64::from(size) <= 56 << 20 {
            assert_whole(&by_list(&mut host.store, &instance, wanted).await, count, size, b'x');
        }
    }
}

#[tokio::test]
async fn uploads_of_every_size_go_whole() {
    let (mut host, instance) = composed().await;
    for (size, count) in cases() {
        let wanted = Wanted { upload: Some(size), ..wanted("/echo", count, size * 2) };
        let answers = by_batch(&mut host.store, &instance, wanted).await;
        assert_whole(&answers, count, size, b'u');
    }
}

#[tokio::test]
async fn headers_of_sixty_kilobytes_pass_both_ways() {
    let (mut host, instance) = composed().await;
    for count in [1, 200] {
        let wanted = Wanted { header: 60_000, ..wanted("/header/60000", count, 120_000) };
        let answers = by_batch(&mut host.store, &instance, wanted).await;
        assert!(answers.iter().all(|answer| answer.status == 200 && answer.headers >= 60_000), "{:?}", answers[0]);
    }
}

#[tokio::test]
async fn a_list_that_is_too_large_for_one_call_says_so_of_what_does_not_fit() {
    let (mut host, instance) = composed().await;
    let answers = by_list(&mut host.store, &instance, wanted("/bytes/1000000", 100, MIB)).await;
    let (whole, left_out): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((whole.len(), left_out.len()), (67, 33), "64 MiB pass");
    assert!(
        left_out
            .iter()
            .all(|answer| answer.failure.starts_with("body-too-large: the list has no room left for the response"))
    );
}

#[tokio::test]
async fn a_batch_goes_on_between_calls() {
    let (mut host, instance) = composed().await;
    let guest = instance.test_crossing_caller();
    let url = "http://origin.test/delay/20".to_owned();
    let there = host.store.run_concurrent(async |store| guest.call_between_calls(store, url, 100).await);
    assert_eq!(there.await.unwrap().unwrap(), 100);
}

#[tokio::test]
async fn several_tasks_of_a_caller_push_and_take_at_once() {
    let (mut host, instance) = composed().await;
    let guest = instance.test_crossing_caller();
    let url = "http://origin.test/ok".to_owned();
    let taken = host.store.run_concurrent(async |store| guest.call_side_by_side(store, url, 500).await);
    assert_eq!(taken.await.unwrap().unwrap(), 500);
}

/// Everything that is in flight is gone 50 ms after the drop, and the drop itself does not wait.
async fn leaves_nothing(how: u32) {
    let (mut host, instance) = composed().await;
    let guest = instance.test_crossing_caller();
    let (url, in_flight) = ("http://origin.test/hang".to_owned(), host.in_flight());
    let seen = in_flight.clone();
    let gone = host.store.run_concurrent(async |store| {
        let left = guest.call_leave(store, url, 64, how).await.unwrap();
        assert!(Duration::from_nanos(left) < Duration::from_millis(50), "the drop took {left} ns");
        let dropped = Instant::now();
        while in_flight.load(Ordering::SeqCst) > 0 && dropped.elapsed() < Duration::from_secs(5) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        dropped.elapsed()
    });
    let gone = gone.await.unwrap();
    assert!(gone < Duration::from_millis(50), "{} still in flight after {gone:?}", seen.load(Ordering::SeqCst));
    assert_eq!(host.asked(), if how == 2 { 65 } else { 64 });
}

#[tokio::test]
async fn a_caller_that_gives_up_a_call_and_drops_the_batch_leaves_nothing_in_flight() {
    leaves_nothing(0).await;
}

#[tokio::test]
async fn a_batch_that_is_cancelled_while_a_call_waits_ends_that_call_and_leaves_nothing_in_flight() {
    leaves_nothing(1).await;
}

#[tokio::test]
async fn l14_a_caller_that_leaves_while_it_holds_an_unread_body_leaves_nothing_else_in_flight() {
    leaves_nothing(2).await;
}

/// What wasmtime holds for the instance after each of five runs of this.
async fn held_after(run: impl AsyncFn(&Accessor<Host>, &Crossing)) -> Vec<usize> {
    let (mut host, instance) = composed().await;
    let mut sizes = Vec::new();
    for _ in 0..5 {
        let ran = host.store.run_concurrent(async |store| {
            run(store, &instance).await;
            // What was dropped last takes a turn.
            tokio::time::sleep(Duration::from_millis(20)).await;
        });
        ran.await.unwrap();
        sizes.push(host.store.concurrent_state_table_size());
    }
    sizes
}

#[tokio::test]
async fn five_thousand_batches_in_one_instance_leave_nothing_behind() {
    let sizes = held_after(async |store, instance| {
        instance.test_crossing_caller().call_many(store, "http://origin.test/ok".to_owned(), 1_000).await.unwrap();
    });
    let sizes = sizes.await;
    assert!(sizes[4] <= sizes[0] + 8, "{sizes:?}");
}

#[tokio::test]
async fn calls_that_are_answered_at_once_leave_nothing_behind() {
    let sizes = held_after(async |store, instance| {
        instance.test_crossing_caller().call_at_once(store, "http://origin.test/ok".to_owned(), 1_000).await.unwrap();
    });
    let sizes = sizes.await;
    assert!(sizes[4] <= sizes[0] + 8, "{sizes:?}");
}
