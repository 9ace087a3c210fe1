//! Asks several mirrors for the same thing and gives the first good answer, within two seconds.

mod component;

use component::batch::{Body, Policy, Until, fetch};
use component::{Caller, Guest, get, open, wit_stream};

impl Guest for Caller {
    async fn fastest(mirrors: Vec<String>) -> Result<Vec<u8>, String> {
        let policy = Policy { deadline: Some(2_000_000_000), until: Some(Until::Successes(1)), ..open() };
        let (mut requests, reader) = wit_stream::new();
        let (mut outcomes, _summary) =
            fetch(reader, policy).await.map_err(|error| format!("{}: {}", error.field, error.reason))?;
        // Requests are read as they are needed, and outcomes come as they are ready: both at once.
        let feed = async move { requests.write_all(mirrors.into_iter().map(get).collect()).await };
        let pull = async move {
            let mut failures = Vec::new();
            while let Some(outcome) = outcomes.next().await {
                match outcome.result {
                    Ok(response) if response.status < 400 => match response.body {
                        Body::Bytes(body) => return Ok(body),
                        Body::Discarded | Body::Unread(_) => {}
                    },
                    Ok(response) => failures.push(format!("{}: status {}", outcome.url, response.status)),
                    Err(failure) => failures.push(format!("{}: {:?}", outcome.url, failure.cause)),
                }
            }
            Err(failures.join(", "))
        };
        futures::join!(feed, pull).1
    }
}
