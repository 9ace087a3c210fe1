//! Requests the same resource from several mirrors and returns the first good answer, within two seconds, over WASI 0.2.

mod component;

use component::batch::{Batch, Body, Policy, Until};
use component::{Caller, Guest};

impl Guest for Caller {
    fn fastest(mirrors: Vec<String>) -> Result<Vec<u8>, String> {
        let policy = Policy::new();
        policy.set_deadline(2_000);
        policy.set_until(Until::Successes(1));
        let batch = Batch::start(Some(policy)).map_err(|error| format!("{}: {}", error.field, error.reason))?;
        batch.push_urls(&mirrors).map_err(|()| "too many mirrors")?;
        let mut failures = Vec::new();
        while let Some(outcomes) = batch.next(100) {
            for outcome in outcomes {
                match outcome.result {
                    Ok(response) if response.status < 400 => match response.body {
                        Body::Bytes(body) => return Ok(body),
                        Body::Discarded | Body::Unread(_) => {}
                    },
                    Ok(response) => failures.push(format!("{}: status {}", outcome.url, response.status)),
                    Err(failure) => failures.push(format!("{}: {}", outcome.url, failure.cause)),
                }
            }
        }
        Err(failures.join(", "))
    }
}
