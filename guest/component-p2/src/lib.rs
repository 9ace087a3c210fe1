//! The engine over WASI 0.2: a component that exports `fantail:fetch/batch-p2` and imports wasi:http, wasi:io and wasi:clocks.
//!
//! Only the calls of that version are here, the rest is in `fantail_shell`. Nothing here may panic: a trap would take
//! every other batch of the instance with it.

mod batch;
mod convert;
mod ends;
mod error_code;
mod incoming;
mod outgoing;
mod reactor;
mod unread;
mod wasi;

#[expect(unsafe_code, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "fantail-p2",
        default_bindings_module: "crate::bindings",
        with: {
            "wasi:io/error@0.2.12": wasip2::io::error,
            "wasi:io/poll@0.2.12": wasip2::io::poll,
            "wasi:io/streams@0.2.12": wasip2::io::streams,
        },
    });
    export!(Component);
    use super::Component;
}

use batch::Ongoing;
use bindings::exports::fantail::fetch::batch_p2::{Guest, Outcome, Policy, PolicyError, Request};
use fantail_engine::Engine;
use fantail_shell::{Batch, ListInput, ListOutbox};
use unread::UnreadBody;
use wasi::Wasi2;

struct Component;

impl Guest for Component {
    type Batch = Ongoing;
    type UnreadBody = UnreadBody;

    fn fetch_all(requests: Vec<Request>, policy: Policy) -> Result<Vec<Outcome>, PolicyError> {
        let engine = Engine::for_list(&convert::policy(&policy))?;
        let requests = ListInput::new(requests.into_iter().map(convert::request));
        let mut batch = Batch::<Wasi2, _, _>::new(engine, requests, ListOutbox::default());
        reactor::run(batch.run());
        Ok(batch.into_outbox().into_list().into_iter().map(convert::outcome).collect())
    }
}
