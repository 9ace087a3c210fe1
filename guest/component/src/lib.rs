//! The engine over WASI 0.3: a component that exports `fantail:fetch/batch` and imports wasi:http and wasi:clocks.
//!
//! Only what is specific to this version is here; the rest is in `fantail_shell`. Nothing here may panic: a trap would
//! take
//! every other batch of the instance with it.

mod batch;
#[expect(unsafe_code, reason = "generated")]
mod bindings;
mod convert;
mod error_code;
mod incoming;
mod outgoing;
mod types;
mod wasi;

use batch::Batch;
use bindings::exports::fantail::fetch::batch as wit;
use convert::{Policy, RequestOptions};
use wasi::Wasi3;
use wit_bindgen::yield_async;

struct Component;

impl wit::Guest for Component {
    type Policy = Policy;
    type RequestOptions = RequestOptions;
    type Batch = Batch;

    async fn fetch_all(
        requests: Vec<wit::Request>,
        policy: Option<wit::Policy>,
    ) -> Result<Vec<wit::Outcome>, wit::PolicyError> {
        yield_before_return().await;
        let requests = requests.into_iter().map(convert::request).collect();
        let outcomes = fantail_shell::fetch_all::<Wasi3>(requests, &convert::policy(policy)).await?;
        Ok(convert::outcomes(outcomes))
    }

    async fn get_all(urls: Vec<String>, policy: Option<wit::Policy>) -> Result<Vec<wit::Outcome>, wit::PolicyError> {
        yield_before_return().await;
        let outcomes = fantail_shell::get_all::<Wasi3>(urls, &convert::policy(policy)).await?;
        Ok(convert::outcomes(outcomes))
    }
}

/// wasmtime 48 never frees the task of a call that returns and ends before its caller runs again, so a call that would
/// end at once yields first.
async fn yield_before_return() {
    yield_async().await;
}
