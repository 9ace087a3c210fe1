//! A caller built against a frozen copy of `fantail:fetch`, with which the current component must stay compatible.

#[expect(unsafe_code, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({
        inline: "package test:frozen;
            world caller {
                import fantail:fetch/batch@0.1.0;
                export status: async func(url: string) -> result<u16, string>;
            }",
        path: "wit",
        world: "test:frozen/caller",
        generate_all,
        default_bindings_module: "crate::bindings",
    });
    export!(Caller);
    use super::Caller;
}

use bindings::Guest;
use bindings::fantail::fetch::batch::{Batch, Failure, Policy, PolicyError, Priority, Request, RequestOptions};

struct Caller;

impl Guest for Caller {
    async fn status(url: String) -> Result<u16, String> {
        let policy = Policy::new();
        policy.set_concurrency(2);
        let options = RequestOptions::new();
        options.set_priority(Priority::High);
        let refused = |PolicyError { field, reason }| format!("{field}: {reason}");
        let batch = Batch::start(Some(policy)).await.map_err(refused)?;
        let (headers, options) = (Vec::new(), Some(options));
        let request = Request { id: 7, method: "GET".to_owned(), url, headers, body: None, options };
        batch.push(vec![request]).map_err(|()| "not accepted")?;
        batch.finish();
        let outcome = batch.next(1).await.and_then(|mut outcomes| outcomes.pop()).ok_or("no outcome")?;
        let failed = |Failure { code, cause, .. }| format!("{cause} ({code:?})");
        outcome.result.map(|response| response.status).map_err(failed)
    }
}
