//! The engine over WASI 0.3: a component that exports `fantail:fetch/batch` and imports wasi:http and wasi:clocks.
//!
//! Only the calls of that version are here, the rest is in `fantail_shell`. Nothing here may panic: a trap would take
//! every other batch of the instance with it.

mod convert;
mod error_code;
mod incoming;
mod input;
mod outbox;
mod outgoing;
mod wasi;

#[expect(unsafe_code, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "fantail", default_bindings_module: "crate::bindings" });
    export!(Component);
    use super::Component;
}

use bindings::exports::fantail::fetch::batch::{Guest, Outcome, Policy, PolicyError, Request, Summary};
use fantail_engine::Engine;
use fantail_shell::{Batch, ListInput, ListOutbox};
use input::Input;
use outbox::Outbox;
use wasi::Wasi3;
use wit_bindgen::rt::async_support::{FutureReader, StreamReader, spawn_local};
use wit_bindgen::yield_async;

struct Component;

impl Guest for Component {
    async fn fetch(
        requests: StreamReader<Request>,
        policy: Policy,
    ) -> Result<(StreamReader<Outcome>, FutureReader<Summary>), PolicyError> {
        let engine = match Engine::new(&convert::policy(&policy)) {
            Ok(engine) => engine,
            Err(error) => {
                not_at_once().await;
                return Err(error.into());
            }
        };
        let (outcomes, outcomes_reader) = bindings::wit_stream::new();
        let (summary, summary_reader) = bindings::wit_future::new(|| convert::summary(Default::default()));
        let mut batch = Batch::<Wasi3, _, _>::new(engine, Input::Idle(requests), Outbox::new(outcomes));
        spawn_local(async move {
            let result = batch.run().await;
            let _nobody_listens = futures::join!(summary.write(convert::summary(result)), batch.unread_bodies());
        });
        Ok((outcomes_reader, summary_reader))
    }

    async fn fetch_all(requests: Vec<Request>, policy: Policy) -> Result<Vec<Outcome>, PolicyError> {
        not_at_once().await;
        let engine = Engine::for_list(&convert::policy(&policy))?;
        let requests = ListInput::new(requests.into_iter().map(convert::request));
        let mut batch = Batch::<Wasi3, _, _>::new(engine, requests, ListOutbox::default());
        batch.run().await;
        Ok(batch.into_outbox().into_list().into_iter().map(convert::outcome).collect())
    }
}

/// wasmtime 48 never frees the task of a call that has returned and ended before its caller runs again: so a call after which
/// nothing goes on takes a turn.
async fn not_at_once() {
    yield_async().await;
}
