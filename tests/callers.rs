//! Callers of the two components, in a host that has nothing of ours.

use crate::stock::Stock;
use crate::support::wasi;
use fantail::{Policy, Request, Wasi};
use fantail_engine::Outcome;

/// WASI 0.2.
pub(crate) mod p2 {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "fantail-p2",
        require_store_data_send: true,
        imports: { default: async | trappable },
        exports: { default: async },
        with: { "wasi:io": wasmtime_wasi::p2::bindings::io },
    });
    pub(crate) use exports::fantail::fetch::batch_p2 as wit;
    fantail_engine::caller_conversions!();
}

/// WASI 0.3.
pub(crate) mod p3 {
    wasmtime::component::bindgen!({ path: "../wit", world: "fantail", require_store_data_send: true });
    pub(crate) use exports::fantail::fetch::batch as wit;
    fantail_engine::caller_conversions!();
}

/// What the caller gets: of a response, its status.
pub(crate) type Taken = Outcome<u16>;

/// The field and the reason of a policy that was refused.
pub(crate) type Refused = (String, String);

macro_rules! taken {
    ($module:ident) => {
        |outcome| {
            let $module::wit::Outcome { id, url, attempts, hops, timing, result } = outcome;
            let result = result.map(|response| response.status).map_err($module::failure);
            Outcome { id, url, attempts, hops, timing: $module::timing(timing), result }
        }
    };
}

/// The outcome as WASI 0.2 gives it.
pub(crate) fn taken_p2(outcome: p2::wit::Outcome) -> Taken {
    taken!(p2)(outcome)
}

/// The answer of `fetch-all`, and how many requests were sent.
pub(crate) async fn fetch_all(requests: Vec<Request>, policy: &Policy) -> (Result<Vec<Taken>, Refused>, usize) {
    match wasi() {
        Wasi::P2 => {
            let mut host = Stock::new(fantail::COMPONENT_P2, &[]);
            let (store, policy) = (&mut host.store, p2::policy(policy));
            let instance = p2::FantailP2::instantiate_async(&mut *store, &host.component, &host.linker).await.unwrap();
            let requests: Vec<_> = requests.into_iter().map(|request| p2::request(request.id, request)).collect();
            let answer = instance.fantail_fetch_batch_p2().call_fetch_all(store, &requests, policy).await.unwrap();
            let outcomes = answer.map(|outcomes| outcomes.into_iter().map(taken_p2).collect());
            (outcomes.map_err(|refused| (refused.field, refused.reason)), host.asked())
        }
        Wasi::P3 => {
            let mut host = Stock::new(fantail::COMPONENT, &[]);
            let instance =
                p3::Fantail::instantiate_async(&mut host.store, &host.component, &host.linker).await.unwrap();
            let requests: Vec<_> = requests.into_iter().map(|request| p3::request(request.id, request)).collect();
            let policy = p3::policy(policy);
            let answer = host.store.run_concurrent(async move |accessor| {
                instance.fantail_fetch_batch().call_fetch_all(accessor, requests, policy).await
            });
            let answer = answer.await.unwrap().unwrap();
            let outcomes = answer.map(|outcomes| outcomes.into_iter().map(taken!(p3)).collect());
            (outcomes.map_err(|refused| (refused.field, refused.reason)), host.asked())
        }
    }
}
