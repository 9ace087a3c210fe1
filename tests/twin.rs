//! What only the component for WASI 0.2 has: a batch that goes on inside its caller's calls, and unread bodies that are resources.

use crate::callers::{Caller, Guest, p2, p3};
use crate::stock::Stock;
use fantail::{BodyMode, Policy, Wasi};
use std::time::{Duration, Instant};
use wasmtime::component::{Component, Resource, TypedFunc};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

const MS: Duration = Duration::from_millis(1);

async fn start(policy: &Policy) -> Caller {
    Caller::start_over(Wasi::P2, policy).await
}

/// Ready after a time.
struct Later(tokio::time::Instant);

#[wasmtime_wasi::async_trait]
impl Pollable for Later {
    async fn ready(&mut self) {
        tokio::time::sleep_until(self.0).await;
    }
}

/// A pollable that is ready after this time.
fn later(caller: &mut Caller, after: Duration) -> Resource<DynPollable> {
    let table = caller.host.store.data_mut().ctx().table;
    let later = table.push(Later(tokio::time::Instant::now() + after)).unwrap();
    subscribe(table, later).unwrap()
}

#[tokio::test]
async fn what_else_the_caller_waits_for_ends_the_waiting() {
    let mut caller = start(&Policy::default()).await;
    assert!(caller.push(&["/hang"]).await);
    let later = later(&mut caller, 50 * MS);
    let begun = Instant::now();
    assert_eq!(caller.next_or(1, &later).await, Some(Vec::new()));
    assert!((40 * MS..5_000 * MS).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_caller_without_room_for_outcomes_can_let_the_batch_go_on() {
    let policy = Policy { timeout: Some(50 * MS), ..Policy::default() };
    let mut caller = start(&policy).await;
    assert!(caller.push(&["/ok", "/hang"]).await);
    caller.finish().await;
    let later = later(&mut caller, 200 * MS);
    let begun = Instant::now();
    assert_eq!(caller.next_or(0, &later).await, Some(Vec::new()));
    assert!(begun.elapsed() >= 190 * MS, "the first outcome was there long before: {:?}", begun.elapsed());
    // The second timed out meanwhile.
    assert_eq!(caller.next(10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_batch_that_waits_for_something_else_too_stays_open() {
    let mut caller = start(&Policy::default()).await;
    let soon = later(&mut caller, 20 * MS);
    assert_eq!(caller.next_or(1, &soon).await, Some(Vec::new()));
    assert!(caller.push(&["/ok"]).await);
    assert_eq!(caller.next(1).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_unread_body_is_streamed_once_and_says_how_it_ended() {
    use wasmtime_wasi::p2::bindings::io::streams::HostInputStream as _;
    let mut caller = start(&Policy { body: Some(BodyMode::Unread), ..Policy::default() }).await;
    assert!(caller.push(&["/ok"]).await);
    let (Guest::P2(guest), Some(batch)) = (&caller.guest, caller.batch) else { panic!("not over WASI 0.2") };
    let store = &mut caller.host.store;
    let outcome = guest.batch().call_next(&mut *store, batch, 1).await.unwrap().unwrap().remove(0);
    let p2::wit::Body::Unread(body) = outcome.result.unwrap().body else { panic!("not unread") };
    let bodies = guest.unread_body();
    let stream = bodies.call_stream(&mut *store, body).await.unwrap().unwrap();
    assert!(bodies.call_stream(&mut *store, body).await.unwrap().is_err(), "the second time");
    // It outlives its batch.
    batch.resource_drop_async(&mut *store).await.unwrap();
    let table = store.data_mut().ctx().table;
    assert_eq!(table.blocking_read(Resource::new_borrow(stream.rep()), 100).await.unwrap(), b"hello");
    table.drop(stream).await.unwrap();
    assert_eq!(bodies.call_finish(&mut *store, body, None).await.unwrap().unwrap(), []);
}

/// wasmtime blocks a whole store while one of its tasks is in `poll` (bytecodealliance/wasmtime#14286): what else a component does has to wait.
#[tokio::test]
async fn while_it_waits_nothing_else_in_its_store_goes_on() {
    type Answer = Result<Vec<p2::wit::Outcome>, p2::wit::PolicyError>;
    type FetchAll = TypedFunc<(Vec<p2::wit::Request>, Option<p2::wit::Policy>), (Answer,)>;
    let Stock { mut store, component, linker, .. } = Stock::new(fantail::COMPONENT_P2, &[]);
    let instance = linker.instantiate_async(&mut store, &component).await.unwrap();
    let twin = p2::Fantail::new(&mut store, &instance).unwrap();
    let guest = twin.fantail_fetch_p2_batch();
    let interface = instance.get_export_index(&mut store, None, "fantail:fetch-p2/batch@0.1.0").unwrap();
    let fetch_all = instance.get_export_index(&mut store, Some(&interface), "fetch-all").unwrap();
    let fetch_all: FetchAll = instance.get_typed_func(&mut store, fetch_all).unwrap();
    let other = Component::from_binary(store.engine(), fantail::COMPONENT).unwrap();
    let other = p3::Fantail::instantiate_async(&mut store, &other, &linker).await.unwrap();
    let policy = Policy { timeout: Some(300 * MS), ..Policy::default() };
    let policy = p2::policy(guest, &mut store, &policy).await.unwrap();
    macro_rules! get {
        ($wit:path, $path:literal) => {{
            use $wit as wit;
            let (url, headers) = (format!("http://origin.test{}", $path), Vec::new());
            vec![wit::Request { id: 0, method: "GET".to_owned(), url, headers, body: None, options: None }]
        }};
    }
    let (slow, quick) = (get!(p2::wit, "/hang"), get!(p3::wit, "/ok"));
    let begun = Instant::now();
    let both = store.run_concurrent(async move |accessor| {
        let waits = async {
            let waited = fetch_all.call_concurrent(accessor, (slow, policy)).await;
            waited.map(|_| begun.elapsed())
        };
        let goes_on = async {
            // After the other has begun.
            tokio::time::sleep(20 * MS).await;
            let batch = other.fantail_fetch_batch();
            let answer = batch.call_fetch_all(accessor, quick, None).await;
            answer.map(|_| begun.elapsed())
        };
        futures::join!(waits, goes_on)
    });
    let (waited, went_on) = both.await.unwrap();
    let (waited, went_on) = (waited.unwrap(), went_on.unwrap());
    assert!(
        waited >= 290 * MS && went_on >= waited,
        "{waited:?} for one that hangs, {went_on:?} for one that does not"
    );
}
