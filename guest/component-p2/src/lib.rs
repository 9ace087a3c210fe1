//! The engine over WASI 0.2: a component that exports `fantail:fetch-p2/batch` and imports wasi:http, wasi:io and wasi:clocks.
//!
//! Only what is specific to this version is here; the rest is in `fantail_shell`. Nothing here may panic: a trap would
//! take
//! every other batch of the instance with it.

mod batch;
#[expect(unsafe_code, reason = "generated")]
mod bindings;
mod body_end;
mod convert;
mod error_code;
mod incoming;
mod outgoing;
mod reactor;
mod types;
mod unread;
mod wasi;

use batch::Batch;
use bindings::exports::fantail::fetch_p2::batch as wit;
use convert::{Policy, RequestOptions};
use unread::UnreadBody;
use wasi::Wasi2;

struct Component;

impl wit::Guest for Component {
    type Policy = Policy;
    type RequestOptions = RequestOptions;
    type Batch = Batch;
    type UnreadBody = UnreadBody;

    fn fetch_all(
        requests: Vec<wit::Request>,
        policy: Option<wit::Policy>,
    ) -> Result<Vec<wit::Outcome>, wit::PolicyError> {
        let requests = requests.into_iter().map(convert::request).collect();
        let outcomes = reactor::run(fantail_shell::fetch_all::<Wasi2>(requests, &convert::policy(policy)))?;
        Ok(convert::outcomes(outcomes))
    }

    fn get_all(urls: Vec<String>, policy: Option<wit::Policy>) -> Result<Vec<wit::Outcome>, wit::PolicyError> {
        let outcomes = reactor::run(fantail_shell::get_all::<Wasi2>(urls, &convert::policy(policy)))?;
        Ok(convert::outcomes(outcomes))
    }
}
