//! Properties of the component for WASI 0.2 alone: a batch progresses only inside its caller's calls, and unread bodies are resources.

use crate::callers::{Caller, Guest, p2, p3};
use crate::stock::Stock;
use fantail::{BodyMode, Policy, Wasi};
use std::time::{Duration, Instant};
use wasmtime::component::{Component, Resource, TypedFunc};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

const MS: Duration = Duration::from_millis(1);

async fn start(policy: &Policy) -> Caller {
    Caller::start_with(Wasi::P2, policy).await
}

/// Becomes ready at a time.
struct Timer(tokio::time::Instant);

#[wasmtime_wasi::async_trait]
impl Pollable for Timer {
    async fn ready(&mut self) {
        tokio::time::sleep_until(self.0).await;
    }
}

/// A pollable that becomes ready after this time.
fn timer(caller: &mut Caller, after: Duration) -> Resource<DynPollable> {
    let table = caller.host.store.data_mut().ctx().table;
    let timer = table.push(Timer(tokio::time::Instant::now() + after)).unwrap();
    subscribe(table, timer).unwrap()
}

#[tokio::test]
async fn next_or_returns_when_the_callers_pollable_is_ready() {
    let mut caller = start(&Policy::default()).await;
    assert!(caller.push(&["/hang"]).await);
    let timer = timer(&mut caller, 50 * MS);
    let start = Instant::now();
    assert_eq!(caller.next_or(1, &timer).await, Some(Vec::new()));
    assert!((40 * MS..5_000 * MS).contains(&start.elapsed()), "{:?}", start.elapsed());
}

#[tokio::test]
async fn next_or_with_a_maximum_of_0_drives_the_batch_without_taking_outcomes() {
    let policy = Policy { timeout: Some(50 * MS), ..Policy::default() };
    let mut caller = start(&policy).await;
    assert!(caller.push(&["/ok", "/hang"]).await);
    caller.finish().await;
    let timer = timer(&mut caller, 200 * MS);
    let start = Instant::now();
    assert_eq!(caller.next_or(0, &timer).await, Some(Vec::new()));
    assert!(start.elapsed() >= 190 * MS, "the first outcome was ready long before: {:?}", start.elapsed());
    // The second request timed out meanwhile.
    assert_eq!(caller.next(10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn next_or_keeps_the_batch_open() {
    let mut caller = start(&Policy::default()).await;
    let soon = timer(&mut caller, 20 * MS);
    assert_eq!(caller.next_or(1, &soon).await, Some(Vec::new()));
    assert!(caller.push(&["/ok"]).await);
    assert_eq!(caller.next(1).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_unread_body_is_streamed_once_and_reports_how_it_ended() {
    use wasmtime_wasi::p2::bindings::io::streams::HostInputStream as _;
    let mut caller = start(&Policy { body: Some(BodyMode::Unread), ..Policy::default() }).await;
    assert!(caller.push(&["/ok"]).await);
    let (Guest::P2(guest), Some(batch)) = (&caller.guest, caller.batch) else { panic!("not over WASI 0.2") };
    let store = &mut caller.host.store;
    let outcome = guest.batch().call_next(&mut *store, batch, 1).await.unwrap().unwrap().remove(0);
    let p2::wit::Body::Unread(body) = outcome.result.unwrap().body else { panic!("not unread") };
    let bodies = guest.unread_body();
    let stream = bodies.call_stream(&mut *store, body).await.unwrap().unwrap();
    assert!(bodies.call_stream(&mut *store, body).await.unwrap().is_err(), "the stream can be taken only once");
    // The body outlives its batch.
    batch.resource_drop_async(&mut *store).await.unwrap();
    let table = store.data_mut().ctx().table;
    assert_eq!(table.blocking_read(Resource::new_borrow(stream.rep()), 100).await.unwrap(), b"hello");
    table.drop(stream).await.unwrap();
    assert_eq!(bodies.call_finish(&mut *store, body, None).await.unwrap().unwrap(), []);
}

/// wasmtime blocks a whole store while one of its tasks is in `poll` (bytecodealliance/wasmtime#14286), so other components in it wait too.
#[tokio::test]
async fn a_waiting_batch_blocks_its_whole_store() {
    type Answer = Result<Vec<p2::wit::Outcome>, p2::wit::PolicyError>;
    type FetchAll = TypedFunc<(Vec<p2::wit::Request>, Option<p2::wit::Policy>), (Answer,)>;
    let Stock { mut store, component, linker, .. } = Stock::new(fantail::COMPONENT_P2, &[]);
    let instance = linker.instantiate_async(&mut store, &component).await.unwrap();
    let component_p2 = p2::Fantail::new(&mut store, &instance).unwrap();
    let guest = component_p2.fantail_fetch_p2_batch();
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
    let start = Instant::now();
    let both = store.run_concurrent(async move |accessor| {
        let blocking = async {
            let waited = fetch_all.call_concurrent(accessor, (slow, policy)).await;
            waited.map(|_| start.elapsed())
        };
        let concurrent = async {
            // Starts after the other call.
            tokio::time::sleep(20 * MS).await;
            let batch = other.fantail_fetch_batch();
            let answer = batch.call_fetch_all(accessor, quick, None).await;
            answer.map(|_| start.elapsed())
        };
        futures::join!(blocking, concurrent)
    });
    let (waited, concurrent) = both.await.unwrap();
    let (waited, concurrent) = (waited.unwrap(), concurrent.unwrap());
    assert!(
        waited >= 290 * MS && concurrent >= waited,
        "{waited:?} for one that hangs, {concurrent:?} for one that does not"
    );
}
