//! Callers of the two components, in a host built on wasmtime alone.

use crate::stock::{Host, Stock};
use crate::support::wasi;
use fantail::{Policy, Wasi};
use fantail_conversions::Convert;
use fantail_engine::{Outcome, Request, Summary};
use wasmtime::Store;
use wasmtime::component::{Accessor, Resource, ResourceAny};
use wasmtime_wasi::p2::DynPollable;

/// Defines `requests`, which converts the engine's requests to the interface's. `$Store` is the store that creates their options.
macro_rules! requests {
    ($Store:ty) => {
        pub(crate) async fn requests(
            guest: &wit::Guest,
            store: $Store,
            requests: Vec<fantail_engine::Request>,
        ) -> Vec<wit::Request> {
            let mut converted = Vec::new();
            for item in requests {
                let id = u32::try_from(item.id).unwrap();
                converted.push(request(guest, store, id, item).await.unwrap());
            }
            converted
        }
    };
}

/// The interface over WASI 0.2.
pub(crate) mod p2 {
    use super::{Convert, Host, Store};
    wasmtime::component::bindgen!({
        inline: "package fantail:test; world fantail { export fantail:fetch-p2/batch@0.1.0; }",
        path: "../../wit/fetch-p2",
        world: "fantail:test/fantail",
        require_store_data_send: true,
        imports: { default: async | trappable },
        exports: { default: async },
        with: { "wasi:io": wasmtime_wasi::p2::bindings::io },
    });
    pub(crate) use exports::fantail::fetch_p2::batch as wit;
    fantail_conversions::types!();
    fantail_conversions::host_setters!(store: &mut Store<Host> => &mut *store);

    fn names(names: &[String]) -> &[String] {
        names
    }

    requests!(&mut Store<Host>);
}

/// The interface over WASI 0.3.
pub(crate) mod p3 {
    use super::{Accessor, Convert, Host};
    wasmtime::component::bindgen!({
        inline: "package fantail:test; world fantail { export fantail:fetch/batch@0.1.0; }",
        path: "../../wit/fetch",
        world: "fantail:test/fantail",
        require_store_data_send: true,
        exports: { default: async | store },
    });
    pub(crate) use exports::fantail::fetch::batch as wit;
    fantail_conversions::types!();
    fantail_conversions::host_setters!(store: &Accessor<Host> => store);

    fn names(names: &[String]) -> Vec<String> {
        names.to_vec()
    }

    requests!(&Accessor<Host>);
}

/// An outcome as the tests need it: only the status of a response.
pub(crate) type CallerOutcome = Outcome<u16>;

/// The field and the reason of a policy error.
pub(crate) type PolicyError = (String, String);

macro_rules! outcome {
    ($module:ident) => {
        |outcome| {
            let $module::wit::Outcome { id, url, attempts, hops, timing, last_attempt, result, facts } = outcome;
            assert!(facts.is_empty(), "the interface defines no facts yet");
            let result = result.map(|response| response.status).map_err(Convert::convert);
            Outcome {
                id: id.into(),
                url,
                attempts,
                hops,
                timing: timing.convert(),
                last_attempt: last_attempt.convert(),
                result,
            }
        }
    };
}

/// Calls `fetch-all` and returns its result and how many requests were sent.
pub(crate) async fn fetch_all(
    requests: Vec<Request>,
    policy: &Policy,
) -> (Result<Vec<CallerOutcome>, PolicyError>, usize) {
    let mut caller = Caller::new(wasi()).await;
    let store = &mut caller.host.store;
    let result = match &caller.guest {
        Guest::P2(guest) => {
            let policy = p2::policy(guest, store, policy).await.unwrap();
            let requests = p2::requests(guest, store, requests).await;
            let result = guest.call_fetch_all(store, &requests, policy).await.unwrap();
            let outcomes = result.map(|outcomes| outcomes.into_iter().map(outcome!(p2)).collect());
            outcomes.map_err(|error| (error.field, error.reason))
        }
        Guest::P3(guest) => {
            let result = store.run_concurrent(async |store| {
                let policy = p3::policy(guest, store, policy).await.unwrap();
                let requests = p3::requests(guest, store, requests).await;
                guest.call_fetch_all(store, requests, policy).await.unwrap()
            });
            let outcomes = result.await.unwrap().map(|outcomes| outcomes.into_iter().map(outcome!(p3)).collect());
            outcomes.map_err(|error| (error.field, error.reason))
        }
    };
    (result, caller.host.requests_sent())
}

/// The interface of one of the two components.
pub(crate) enum Guest {
    P2(p2::wit::Guest),
    P3(p3::wit::Guest),
}

/// A caller of one of the components, with its batch if it has started one.
pub(crate) struct Caller {
    pub(crate) host: Stock,
    pub(crate) guest: Guest,
    pub(crate) batch: Option<ResourceAny>,
}

macro_rules! call {
    ($caller:ident.$method:ident($($argument:expr),*)) => {{
        let batch = $caller.batch.unwrap();
        let store = &mut $caller.host.store;
        match &$caller.guest {
            Guest::P2(guest) => guest.batch().$method(store, batch $(, $argument)*).await.unwrap(),
            Guest::P3(guest) => {
                store.run_concurrent(async |store| guest.batch().$method(store, batch $(, $argument)*).await).await.unwrap().unwrap()
            }
        }
    }};
}

impl Caller {
    pub(crate) async fn new(version: Wasi) -> Self {
        let (mut host, guest);
        match version {
            Wasi::P2 => {
                host = Stock::new(fantail::COMPONENT_P2, &[]);
                let instance = p2::Fantail::instantiate_async(&mut host.store, &host.component, &host.linker).await;
                guest = Guest::P2(instance.unwrap().fantail_fetch_p2_batch().clone());
            }
            Wasi::P3 => {
                host = Stock::new(fantail::COMPONENT, &[]);
                let instance = p3::Fantail::instantiate_async(&mut host.store, &host.component, &host.linker).await;
                guest = Guest::P3(instance.unwrap().fantail_fetch_batch().clone());
            }
        }
        Self { host, guest, batch: None }
    }

    /// Starts a batch over the version of WASI that this run tests.
    pub(crate) async fn start(policy: &Policy) -> Self {
        Self::start_with(wasi(), policy).await
    }

    pub(crate) async fn start_with(version: Wasi, policy: &Policy) -> Self {
        let mut caller = Self::new(version).await;
        caller.batch = Some(caller.start_batch(policy).await);
        caller
    }

    /// Starts one more batch in the same instance.
    pub(crate) async fn start_batch(&mut self, policy: &Policy) -> ResourceAny {
        let store = &mut self.host.store;
        match &self.guest {
            Guest::P2(guest) => {
                let policy = p2::policy(guest, store, policy).await.unwrap();
                guest.batch().call_start(store, policy).await.unwrap().unwrap()
            }
            Guest::P3(guest) => {
                let started = store.run_concurrent(async |store| {
                    let policy = p3::policy(guest, store, policy).await.unwrap();
                    guest.batch().call_start(store, policy).await.unwrap().unwrap()
                });
                started.await.unwrap()
            }
        }
    }

    pub(crate) async fn room(&mut self) -> u32 {
        call!(self.call_room())
    }

    /// Pushes GET requests and returns whether the batch accepted them.
    pub(crate) async fn push(&mut self, paths: &[&str]) -> bool {
        let batch = self.batch.unwrap();
        let requests =
            (0..).zip(paths).map(|(id, path)| Request::get(id, format!("http://origin.test{path}"))).collect();
        let store = &mut self.host.store;
        match &self.guest {
            Guest::P2(guest) => {
                let requests = p2::requests(guest, store, requests).await;
                guest.batch().call_push(store, batch, &requests).await.unwrap().is_ok()
            }
            Guest::P3(guest) => {
                let pushed = store.run_concurrent(async |store| {
                    let requests = p3::requests(guest, store, requests).await;
                    guest.batch().call_push(store, batch, requests).await
                });
                pushed.await.unwrap().unwrap().is_ok()
            }
        }
    }

    /// The same with `push-urls`.
    pub(crate) async fn push_urls(&mut self, paths: &[&str]) -> bool {
        let batch = self.batch.unwrap();
        let urls: Vec<String> = paths.iter().map(|path| format!("http://origin.test{path}")).collect();
        let store = &mut self.host.store;
        match &self.guest {
            Guest::P2(guest) => guest.batch().call_push_urls(store, batch, &urls).await.unwrap().is_ok(),
            Guest::P3(guest) => {
                let pushed = store.run_concurrent(async |store| guest.batch().call_push_urls(store, batch, urls).await);
                pushed.await.unwrap().unwrap().is_ok()
            }
        }
    }

    pub(crate) async fn finish(&mut self) {
        call!(self.call_finish());
    }

    pub(crate) async fn stop(&mut self) {
        call!(self.call_stop());
    }

    pub(crate) async fn cancel(&mut self) {
        call!(self.call_cancel());
    }

    /// Waits for outcomes; returns `None` when the batch has ended.
    pub(crate) async fn next(&mut self, max: u32) -> Option<Vec<CallerOutcome>> {
        let batch = self.batch.unwrap();
        let store = &mut self.host.store;
        match &self.guest {
            Guest::P2(guest) => {
                let taken = guest.batch().call_next(store, batch, max).await.unwrap();
                Some(taken?.into_iter().map(outcome!(p2)).collect())
            }
            Guest::P3(guest) => {
                let taken = store.run_concurrent(async |store| guest.batch().call_next(store, batch, max).await);
                Some(taken.await.unwrap().unwrap()?.into_iter().map(outcome!(p3)).collect())
            }
        }
    }

    /// The same, but also returns when `pollable` is ready. WASI 0.2 only.
    pub(crate) async fn next_or(&mut self, max: u32, pollable: &Resource<DynPollable>) -> Option<Vec<CallerOutcome>> {
        let (batch, Guest::P2(guest)) = (self.batch.unwrap(), &self.guest) else { panic!("not over WASI 0.3") };
        let pollable = Resource::new_borrow(pollable.rep());
        let taken = guest.batch().call_next_or(&mut self.host.store, batch, max, pollable).await.unwrap();
        Some(taken?.into_iter().map(outcome!(p2)).collect())
    }

    pub(crate) async fn summary(&mut self) -> Option<Summary> {
        let batch = self.batch.unwrap();
        let store = &mut self.host.store;
        match &self.guest {
            Guest::P2(guest) => guest.batch().call_summary(store, batch).await.unwrap().map(Convert::convert),
            Guest::P3(guest) => {
                let summary = store.run_concurrent(async |store| guest.batch().call_summary(store, batch).await);
                summary.await.unwrap().unwrap().map(Convert::convert)
            }
        }
    }

    /// Collects all remaining outcomes in the order of their arrival.
    pub(crate) async fn remaining(&mut self) -> Vec<CallerOutcome> {
        let mut all = Vec::new();
        while let Some(taken) = self.next(10).await {
            assert!((1..=10).contains(&taken.len()));
            all.extend(taken);
        }
        all
    }
}
