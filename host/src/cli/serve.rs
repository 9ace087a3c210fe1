//! `fantail serve`: the application without Spin.

use super::arguments::Serve;
use super::egress::{EgressError, egress, trust};
use super::{Exit, say};
use fantail::{Harness, Limits, Listening, OriginPattern, ServiceOptions};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// A mistake found before anything was served.
#[derive(Debug, thiserror::Error)]
enum Mistake {
    #[error("cannot listen on {address}: {error}")]
    Listen { address: SocketAddr, error: io::Error },
    #[error("cannot listen for signals: {0}")]
    Signals(io::Error),
    #[error(
        "nothing says where requests may go: name one origin or pattern at least, for example \
         --allow 'https://*.example.com' (or the variable upstreams, as on Spin)"
    )]
    NoOrigin,
    #[error("the variable upstreams: {0}")]
    Upstreams(#[from] fantail::PatternError),
    #[error(transparent)]
    Egress(#[from] EgressError),
    #[error(transparent)]
    Service(#[from] fantail::BuildError),
}

pub(crate) async fn run(serve: Serve) -> Exit {
    match try_run(serve).await {
        Ok(()) => Exit::Responses,
        Err(mistake) => Exit::usage(mistake),
    }
}

async fn try_run(serve: Serve) -> Result<(), Mistake> {
    let variables = variables(&serve.variables, std::env::vars());
    let value = |wanted: &str| variables.iter().find(|(name, value)| name == wanted && !value.is_empty());
    let has_token = value("api_token").is_some();
    let mut egress = egress(&serve.egress);
    let upstreams = value("upstreams").map(|(_, pattern)| pattern.parse::<OriginPattern>()).transpose()?;
    if upstreams.is_none() && serve.egress.allow.is_empty() {
        return Err(Mistake::NoOrigin);
    }
    if let Some(pattern) = upstreams {
        egress = egress.origin(pattern);
    }
    let options = ServiceOptions {
        variables,
        instances: serve.instances.into(),
        callers: serve.callers.into(),
        log: Arc::new(|line| say(line)),
        ..ServiceOptions::default()
    };
    let limits = Limits { memory: usize::try_from(serve.memory.as_u64()).unwrap_or(usize::MAX), ..Limits::default() };
    let builder = Harness::builder(egress).trust(trust(&serve.egress)?).limits(limits);
    let service = builder.build_service(options)?;
    let listening = Listening { grace: serve.grace, ..Listening::default() };
    let listen = |error| Mistake::Listen { address: serve.listen, error };
    let listener = TcpListener::bind(serve.listen).await.map_err(listen)?;
    let stop = stop()?;
    say(format_args!("serving on http://{}/", listener.local_addr().map_err(listen)?));
    if !has_token {
        say("no token is set, so every batch is refused: --variable api_token=…, or SPIN_VARIABLE_API_TOKEN");
    }
    let served = service.serve(listener, listening, stop).await;
    say(format_args!("stopped after {} connections, {} of them cut off", served.connections, served.cut_off));
    Ok(())
}

/// Resolves when the process is asked to stop.
fn stop() -> Result<impl Future<Output = ()>, Mistake> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Mistake::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Mistake::Signals)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        say("stopping: no more connections are accepted, answers that have begun are finished");
    })
}

/// Those of the command, and over the environment's.
fn variables(given: &[(String, String)], environment: impl Iterator<Item = (String, String)>) -> Vec<(String, String)> {
    let mut variables = given.to_vec();
    for (key, value) in environment {
        let Some(name) = key.strip_prefix("SPIN_VARIABLE_").map(str::to_ascii_lowercase) else { continue };
        if given.iter().all(|(other, _)| *other != name) {
            variables.push((name, value));
        }
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_the_command_come_before_those_of_the_environment() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let environment = [
            pair("SPIN_VARIABLE_API_TOKEN", "from outside"),
            pair("SPIN_VARIABLE_MAX_REQUESTS", "5"),
            pair("PATH", "/bin"),
        ];
        let found = variables(&[pair("api_token", "given")], environment.into_iter());
        assert_eq!(found, [pair("api_token", "given"), pair("max_requests", "5")]);
    }
}
