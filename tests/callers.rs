//! Callers of the two components, in a host that has nothing of ours.

use crate::stock::{Host, Stock};
use crate::support::wasi;
use fantail::{Policy, Wasi};
use fantail_conversions::Convert;
use fantail_engine::{Outcome, Request, Summary};
use wasmtime::Store;
use wasmtime::component::{Accessor, Resource, ResourceAny};
use wasmtime_wasi::p2::DynPollable;

/// Defines `requests` between the engine's type and the interface's, whose options are made with a store of this type.
macro_rules! requests {
    ($Store:ty) => {
        pub(crate) async fn requests(
            guest: &wit::Guest,
            store: $Store,
            given: Vec<fantail_engine::Request>,
        ) -> Vec<wit::Request> {
            let mut requests = Vec::new();
            for one in given {
                let id = u32::try_from(one.id).unwrap();
                requests.push(request(guest, store, id, one).await.unwrap());
            }
            requests
        }
    };
}

/// WASI 0.2.
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

/// WASI 0.3.
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

/// What the caller gets: of a response, its status.
pub(crate) type Taken = Outcome<u16>;

/// The field and the reason of a policy that was refused.
pub(crate) type Refused = (String, String);

macro_rules! taken {
    ($module:ident) => {
        |outcome| {
            let $module::wit::Outcome { id, url, attempts, hops, timing, last_attempt, result, facts } = outcome;
            assert!(facts.is_empty(), "none is defined");
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

/// The answer of `fetch-all`, and how many requests were sent.
pub(crate) async fn fetch_all(requests: Vec<Request>, policy: &Policy) -> (Result<Vec<Taken>, Refused>, usize) {
    let mut caller = Caller::new(wasi()).await;
    let store = &mut caller.host.store;
    let answer = match &caller.guest {
        Guest::P2(guest) => {
            let policy = p2::policy(guest, store, policy).await.unwrap();
            let requests = p2::requests(guest, store, requests).await;
            let answer = guest.call_fetch_all(store, &requests, policy).await.unwrap();
            let outcomes = answer.map(|outcomes| outcomes.into_iter().map(taken!(p2)).collect());
            outcomes.map_err(|refused| (refused.field, refused.reason))
        }
        Guest::P3(guest) => {
            let answer = store.run_concurrent(async |store| {
                let policy = p3::policy(guest, store, policy).await.unwrap();
                let requests = p3::requests(guest, store, requests).await;
                guest.call_fetch_all(store, requests, policy).await.unwrap()
            });
            let outcomes = answer.await.unwrap().map(|outcomes| outcomes.into_iter().map(taken!(p3)).collect());
            outcomes.map_err(|refused| (refused.field, refused.reason))
        }
    };
    (answer, caller.host.asked())
}

/// The interface of one of the two.
pub(crate) enum Guest {
    P2(p2::wit::Guest),
    P3(p3::wit::Guest),
}

/// Who calls one of the components, and its batch, if it has begun one.
pub(crate) struct Caller {
    pub(crate) host: Stock,
    pub(crate) guest: Guest,
    pub(crate) batch: Option<ResourceAny>,
}

macro_rules! call {
    ($caller:ident.$method:ident($($argument:expr),*)) => {{
        let it = $caller.batch.unwrap();
        let store = &mut $caller.host.store;
        match &$caller.guest {
            Guest::P2(guest) => guest.batch().$method(store, it $(, $argument)*).await.unwrap(),
            Guest::P3(guest) => {
                store.run_concurrent(async |store| guest.batch().$method(store, it $(, $argument)*).await).await.unwrap().unwrap()
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
                let made = p2::Fantail::instantiate_async(&mut host.store, &host.component, &host.linker).await;
                guest = Guest::P2(made.unwrap().fantail_fetch_p2_batch().clone());
            }
            Wasi::P3 => {
                host = Stock::new(fantail::COMPONENT, &[]);
                let made = p3::Fantail::instantiate_async(&mut host.store, &host.component, &host.linker).await;
                guest = Guest::P3(made.unwrap().fantail_fetch_batch().clone());
            }
        }
        Self { host, guest, batch: None }
    }

    /// With a batch, over the version of WASI that this run is about.
    pub(crate) async fn start(policy: &Policy) -> Self {
        Self::start_over(wasi(), policy).await
    }

    pub(crate) async fn start_over(version: Wasi, policy: &Policy) -> Self {
        let mut caller = Self::new(version).await;
        caller.batch = Some(caller.another(policy).await);
        caller
    }

    /// One more batch in the same instance.
    pub(crate) async fn another(&mut self, policy: &Policy) -> ResourceAny {
        let store = &mut self.host.store;
        match &self.guest {
            Guest::P2(guest) => {
                let policy = p2::policy(guest, store, policy).await.unwrap();
                guest.batch().call_start(store, policy).await.unwrap().unwrap()
            }
            Guest::P3(guest) => {
                let begun = store.run_concurrent(async |store| {
                    let policy = p3::policy(guest, store, policy).await.unwrap();
                    guest.batch().call_start(store, policy).await.unwrap().unwrap()
                });
                begun.await.unwrap()
            }
        }
    }

    pub(crate) async fn room(&mut self) -> u32 {
        call!(self.call_room())
    }

    /// Whether they were taken.
    pub(crate) async fn push(&mut self, paths: &[&str]) -> bool {
        let it = self.batch.unwrap();
        let given = (0..).zip(paths).map(|(id, path)| Request::get(id, format!("http://origin.test{path}"))).collect();
        let store = &mut self.host.store;
        match &self.guest {
            Guest::P2(guest) => {
                let requests = p2::requests(guest, store, given).await;
                guest.batch().call_push(store, it, &requests).await.unwrap().is_ok()
            }
            Guest::P3(guest) => {
                let pushed = store.run_concurrent(async |store| {
                    let requests = p3::requests(guest, store, given).await;
                    guest.batch().call_push(store, it, requests).await
                });
                pushed.await.unwrap().unwrap().is_ok()
            }
        }
    }

    /// The same for URLs alone.
    pub(crate) async fn push_urls(&mut self, paths: &[&str]) -> bool {
        let it = self.batch.unwrap();
        let urls: Vec<String> = paths.iter().map(|path| format!("http://origin.test{path}")).collect();
        let store = &mut self.host.store;
        match &self.guest {
            Guest::P2(guest) => guest.batch().call_push_urls(store, it, &urls).await.unwrap().is_ok(),
            Guest::P3(guest) => {
                let pushed = store.run_concurrent(async |store| guest.batch().call_push_urls(store, it, urls).await);
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

    /// Waits for outcomes; none when the batch is over.
    pub(crate) async fn next(&mut self, max: u32) -> Option<Vec<Taken>> {
        let it = self.batch.unwrap();
        let store = &mut self.host.store;
        match &self.guest {
            Guest::P2(guest) => {
                let taken = guest.batch().call_next(store, it, max).await.unwrap();
                Some(taken?.into_iter().map(taken!(p2)).collect())
            }
            Guest::P3(guest) => {
                let taken = store.run_concurrent(async |store| guest.batch().call_next(store, it, max).await);
                Some(taken.await.unwrap().unwrap()?.into_iter().map(taken!(p3)).collect())
            }
        }
    }

    /// The same, or until that is ready. WASI 0.2 only.
    pub(crate) async fn next_or(&mut self, max: u32, also: &Resource<DynPollable>) -> Option<Vec<Taken>> {
        let (it, Guest::P2(guest)) = (self.batch.unwrap(), &self.guest) else { panic!("not over WASI 0.3") };
        let also = Resource::new_borrow(also.rep());
        let taken = guest.batch().call_next_or(&mut self.host.store, it, max, also).await.unwrap();
        Some(taken?.into_iter().map(taken!(p2)).collect())
    }

    pub(crate) async fn summary(&mut self) -> Option<Summary> {
        let it = self.batch.unwrap();
        let store = &mut self.host.store;
        match &self.guest {
            Guest::P2(guest) => guest.batch().call_summary(store, it).await.unwrap().map(Convert::convert),
            Guest::P3(guest) => {
                let summary = store.run_concurrent(async |store| guest.batch().call_summary(store, it).await);
                summary.await.unwrap().unwrap().map(Convert::convert)
            }
        }
    }

    /// Everything that comes, in the order it came in.
    pub(crate) async fn rest(&mut self) -> Vec<Taken> {
        let mut all = Vec::new();
        while let Some(taken) = self.next(10).await {
            assert!((1..=10).contains(&taken.len()));
            all.extend(taken);
        }
        all
    }
}
