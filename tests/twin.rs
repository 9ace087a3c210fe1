//! What only the component for WASI 0.2 has: an interface that says the same in other calls, and a batch that goes on inside them.

use crate::callers::p2::{self, FantailP2, wit};
use crate::callers::{Taken, p3, taken_p2};
use crate::stock::{Host, Stock};
use crate::support::root;
use fantail::{Cause, Policy, Request};
use fantail_engine::Summary;
use std::time::{Duration, Instant};
use wasmtime::Store;
use wasmtime::component::{Component, Resource, ResourceAny, TypedFunc};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

const MS: Duration = Duration::from_millis(1);

fn get(path: &str) -> Request {
    Request::get(0, format!("http://origin.test{path}"))
}

/// A batch, and who calls it.
struct Caller {
    host: Stock,
    guest: wit::Guest,
    batch: ResourceAny,
}

impl Caller {
    async fn start(policy: &Policy) -> Self {
        let mut host = Stock::new(fantail::COMPONENT_P2, &[]);
        let instance = FantailP2::instantiate_async(&mut host.store, &host.component, &host.linker).await.unwrap();
        let guest = instance.fantail_fetch_batch_p2().clone();
        let batch = guest.batch().call_start(&mut host.store, p2::policy(policy)).await.unwrap().unwrap();
        Self { host, guest, batch }
    }

    fn parts(&mut self) -> (wit::GuestBatch<'_>, &mut Store<Host>, ResourceAny) {
        (self.guest.batch(), &mut self.host.store, self.batch)
    }

    async fn room(&mut self) -> u32 {
        let (batch, store, it) = self.parts();
        batch.call_room(store, it).await.unwrap()
    }

    async fn push(&mut self, paths: &[&str]) -> u32 {
        let requests: Vec<_> = (0..).zip(paths).map(|(id, path)| p2::request(id, get(path))).collect();
        let (batch, store, it) = self.parts();
        batch.call_push(store, it, &requests).await.unwrap()
    }

    async fn finish(&mut self) {
        let (batch, store, it) = self.parts();
        batch.call_finish(store, it).await.unwrap();
    }

    async fn next(&mut self, max: u32) -> Vec<Taken> {
        let (batch, store, it) = self.parts();
        batch.call_next(store, it, max).await.unwrap().into_iter().map(taken_p2).collect()
    }

    async fn wait(&mut self, also: Option<&Resource<DynPollable>>) {
        let also = also.map(|also| Resource::new_borrow(also.rep()));
        let (batch, store, it) = self.parts();
        batch.call_wait(store, it, also).await.unwrap();
    }

    async fn summary(&mut self) -> Option<Summary> {
        let (batch, store, it) = self.parts();
        batch.call_summary(store, it).await.unwrap().map(p2::summary)
    }

    /// Everything that comes, in the order it came in.
    async fn rest(&mut self) -> Vec<Taken> {
        let mut all = Vec::new();
        while self.summary().await.is_none() {
            self.wait(None).await;
            all.extend(self.next(10).await);
        }
        all
    }
}

#[test]
fn the_two_interfaces_say_the_same_where_they_can() {
    let read = |file: &str| std::fs::read_to_string(root().join("wit").join(file)).unwrap();
    let (p3, p2) = (read("fetch.wit"), read("fetch-p2.wit"));
    let between = |text: &str, from: &str, to: &str| {
        let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("no {from}"));
        rest.split_once(to).unwrap_or_else(|| panic!("no {to}")).0.to_owned()
    };
    // Every type, with all that is said of it, but for the unread body.
    let types = |text: &str, after: &str| {
        let types = between(text, "  /// A field name and its value.", after);
        let (before, rest) = types.split_once("    /// Mode `unread`.").unwrap();
        format!("{before}{}", rest.split_once("  }\n").unwrap().1)
    };
    assert_eq!(types(&p2, "  /// A body that was handed out."), types(&p3, "  /// Runs a batch."));
    let list = |text: &str| between(text, "  /// The same for a caller with a list", "world ");
    assert_eq!(
        between(&list(&p2), ":", "policy-error>;").replace("func(", "async func("),
        between(&list(&p3), ":", "policy-error>;")
    );
}

#[tokio::test]
async fn nothing_is_sent_before_outcomes_are_asked_for() {
    let mut caller = Caller::start(&Policy::default()).await;
    assert_eq!(caller.push(&["/ok", "/ok"]).await, 2);
    assert_eq!((caller.host.asked(), caller.summary().await), (0, None));
    caller.next(10).await;
    assert_eq!(caller.host.asked(), 2);
}

#[tokio::test]
async fn what_does_not_fit_into_the_window_is_left_with_the_caller() {
    let policy = Policy { window: Some(2), concurrency: Some(2), ..Policy::default() };
    let mut caller = Caller::start(&policy).await;
    assert_eq!((caller.room().await, caller.push(&["/ok", "/ok", "/ok"]).await, caller.room().await), (2, 2, 0));
    caller.wait(None).await;
    let first = caller.next(1).await;
    assert_eq!((first.len(), caller.room().await), (1, 1));
    assert_eq!(caller.push(&["/ok", "/ok"]).await, 1);
    caller.finish().await;
    assert_eq!(caller.push(&["/ok"]).await, 0, "after finish");
    assert_eq!(caller.rest().await.len(), 2);
    let summary = caller.summary().await.unwrap();
    assert_eq!((summary.requests, summary.responses, summary.input_ended), (3, 3, true));
    assert_eq!(caller.host.asked(), 3);
}

#[tokio::test]
async fn with_nothing_under_way_nothing_is_waited_for() {
    let mut caller = Caller::start(&Policy { deadline: Some(10_000 * MS), ..Policy::default() }).await;
    let begun = Instant::now();
    caller.wait(None).await;
    assert!(begun.elapsed() < 5_000 * MS && caller.next(1).await.is_empty());
}

/// Ready after a time.
struct Later(tokio::time::Instant);

#[wasmtime_wasi::async_trait]
impl Pollable for Later {
    async fn ready(&mut self) {
        tokio::time::sleep_until(self.0).await;
    }
}

#[tokio::test]
async fn what_else_the_caller_waits_for_ends_the_waiting() {
    let mut caller = Caller::start(&Policy::default()).await;
    caller.push(&["/hang"]).await;
    let later = later(&mut caller, 50 * MS);
    let begun = Instant::now();
    caller.wait(Some(&later)).await;
    assert!((40 * MS..5_000 * MS).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    assert!(caller.next(1).await.is_empty());
}

/// A pollable that is ready after this time.
fn later(caller: &mut Caller, after: Duration) -> Resource<DynPollable> {
    let table = caller.host.store.data_mut().ctx().table;
    let later = table.push(Later(tokio::time::Instant::now() + after)).unwrap();
    subscribe(table, later).unwrap()
}

#[tokio::test]
async fn a_caller_without_room_for_outcomes_can_let_the_batch_go_on() {
    let policy = Policy { timeout: Some(50 * MS), ..Policy::default() };
    let mut caller = Caller::start(&policy).await;
    caller.push(&["/ok", "/hang"]).await;
    caller.finish().await;
    let later = later(&mut caller, 200 * MS);
    let begun = Instant::now();
    let (batch, store, it) = caller.parts();
    batch.call_go_on(store, it, Resource::new_borrow(later.rep())).await.unwrap();
    assert!(begun.elapsed() >= 190 * MS, "the first outcome was there long before: {:?}", begun.elapsed());
    // The second timed out meanwhile.
    assert_eq!(caller.next(10).await.len(), 2);
}

#[tokio::test]
async fn a_deadline_that_has_passed_is_seen_by_whichever_call_comes_next() {
    let mut caller = Caller::start(&Policy { deadline: Some(50 * MS), ..Policy::default() }).await;
    caller.push(&["/hang"]).await;
    assert!(caller.next(1).await.is_empty() && caller.room().await > 0);
    tokio::time::sleep(60 * MS).await;
    assert_eq!((caller.room().await, caller.push(&["/ok"]).await), (0, 0));
    let outcome = caller.next(1).await.remove(0);
    assert_eq!(outcome.result.unwrap_err().cause, Cause::Deadline);
    assert!(caller.summary().await.is_some());
}

#[tokio::test]
async fn pollables_for_a_caller_with_a_loop_of_its_own_lead_to_every_outcome() {
    let policy = Policy { timeout: Some(100 * MS), ..Policy::default() };
    let mut caller = Caller::start(&policy).await;
    caller.push(&["/ok", "/hang", "/ok"]).await;
    caller.finish().await;
    let mut outcomes = Vec::new();
    for _ in 0..50 {
        let (batch, store, it) = caller.parts();
        let pollables = batch.call_subscribe(&mut *store, it).await.unwrap();
        if !pollables.is_empty() {
            use wasmtime_wasi::p2::bindings::io::poll::{Host as _, HostPollable as _};
            let borrowed = pollables.iter().map(|one| Resource::new_borrow(one.rep())).collect();
            let table = store.data_mut().ctx().table;
            table.poll(borrowed).await.unwrap();
            for pollable in pollables {
                table.drop(pollable).unwrap();
            }
        }
        outcomes.extend(caller.next(10).await);
        if caller.summary().await.is_some() {
            break;
        }
    }
    let mut causes: Vec<_> =
        outcomes.iter().map(|one| (one.id, one.result.as_ref().err().map(|failure| failure.cause))).collect();
    causes.sort_unstable_by_key(|(id, _)| *id);
    assert_eq!(causes, [(0, None), (1, Some(Cause::TimeoutTotal)), (2, None)]);
}

#[tokio::test]
async fn a_batch_that_is_cancelled_says_at_once_what_became_of_it() {
    let mut caller = Caller::start(&Policy::default()).await;
    caller.push(&["/hang", "/hang", "/ok"]).await;
    caller.wait(None).await;
    let (batch, store, it) = caller.parts();
    batch.call_cancel(store, it).await.unwrap();
    assert!(caller.next(10).await.is_empty() && caller.room().await == 0);
    let summary = caller.summary().await.unwrap();
    assert_eq!((summary.requests, summary.responses + summary.failures), (3, 3));
    assert_eq!(summary.by_cause.get(&Cause::Cancelled), Some(&2), "{summary:?}");
}

#[tokio::test]
async fn batches_of_one_instance_do_not_disturb_each_other() {
    let mut caller = Caller::start(&Policy::default()).await;
    let other = caller.guest.batch().call_start(&mut caller.host.store, p2::policy(&Policy::default())).await;
    let (first, second) = (caller.batch, other.unwrap().unwrap());
    caller.push(&["/hang", "/ok"]).await;
    caller.next(0).await;
    caller.batch = second;
    caller.push(&["/ok", "/fail"]).await;
    caller.finish().await;
    assert_eq!(caller.rest().await.len(), 2);
    caller.batch = first;
    // It was ready while the other batch waited.
    assert_eq!(caller.next(10).await.len(), 1);
    caller.batch.resource_drop_async(&mut caller.host.store).await.unwrap();
    assert_eq!(caller.host.asked(), 4);
}

#[tokio::test]
async fn an_unread_body_is_streamed_once_and_says_how_it_ended() {
    use wasmtime_wasi::p2::bindings::io::streams::HostInputStream as _;
    let mut caller = Caller::start(&Policy { body: Some(fantail::BodyMode::Unread), ..Policy::default() }).await;
    caller.push(&["/ok"]).await;
    caller.wait(None).await;
    let (batch, store, it) = caller.parts();
    let outcome = batch.call_next(&mut *store, it, 1).await.unwrap().remove(0);
    let wit::Body::Unread(body) = outcome.result.unwrap().body else { panic!("not unread") };
    let bodies = caller.guest.unread_body();
    let store = &mut caller.host.store;
    let stream = bodies.call_stream(&mut *store, body).await.unwrap().unwrap();
    assert!(bodies.call_stream(&mut *store, body).await.unwrap().is_err(), "the second time");
    let table = store.data_mut().ctx().table;
    assert_eq!(table.blocking_read(Resource::new_borrow(stream.rep()), 100).await.unwrap(), b"hello");
    table.drop(stream).await.unwrap();
    assert_eq!(bodies.call_finish(&mut *store, body, None).await.unwrap().unwrap(), []);
}

/// wasmtime blocks a whole store while one of its tasks is in `poll` (bytecodealliance/wasmtime#14286): what else a component does has to wait.
#[tokio::test]
async fn while_it_waits_nothing_else_in_its_store_goes_on() {
    type FetchAll = TypedFunc<(Vec<wit::Request>, wit::Policy), (Result<Vec<wit::Outcome>, wit::PolicyError>,)>;
    let Stock { mut store, component, linker, .. } = Stock::new(fantail::COMPONENT_P2, &[]);
    let twin = linker.instantiate_async(&mut store, &component).await.unwrap();
    let interface = twin.get_export_index(&mut store, None, "fantail:fetch/batch-p2@0.1.0").unwrap();
    let fetch_all = twin.get_export_index(&mut store, Some(&interface), "fetch-all").unwrap();
    let fetch_all: FetchAll = twin.get_typed_func(&mut store, fetch_all).unwrap();
    let other = Component::from_binary(store.engine(), fantail::COMPONENT).unwrap();
    let other = p3::Fantail::instantiate_async(&mut store, &other, &linker).await.unwrap();
    let policy = Policy { timeout: Some(300 * MS), ..Policy::default() };
    let (slow, quick) = ([p2::request(0, get("/hang"))], [p3::request(0, get("/ok"))]);
    let begun = Instant::now();
    let both = store.run_concurrent(async move |accessor| {
        let waits = async {
            let waited = fetch_all.call_concurrent(accessor, (slow.into(), p2::policy(&policy))).await;
            waited.map(|_| begun.elapsed())
        };
        let goes_on = async {
            // After the other has begun.
            tokio::time::sleep(20 * MS).await;
            let batch = other.fantail_fetch_batch();
            let answer = batch.call_fetch_all(accessor, quick.into(), p3::policy(&Policy::default())).await;
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
