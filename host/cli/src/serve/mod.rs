//! `fantail serve`: serves the application without Spin.

mod access_line;
mod stderr;
mod token_file;

use crate::arguments::Serve;
use crate::egress::{EgressError, builder};
use crate::exit::{Exit, say};
use bytes::Bytes;
use fantail::{Access, AccessLog, Limits, Listening, OriginPattern, Service, ServiceOptions};
use fantail_tokens::{LIST_VARIABLE, TOKEN_VARIABLE, Token, TokenError, Tokens};
use http::Request;
use http_body_util::{BodyExt, Full};
use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::SystemTime;
use token_file::TokenFileError;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// An error that was found before anything was served.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error("cannot listen on {address}: {error}")]
    Listen { address: SocketAddr, error: io::Error },
    #[error("cannot listen for signals: {0}")]
    Signals(io::Error),
    #[error(
        "no origin is allowed: name at least one origin or pattern, for example \
         --allow 'https://*.example.com' (or the variable upstreams, as on Spin)"
    )]
    NoOrigin,
    #[error("there is no variable {name}: use one of {}", KNOWN_VARIABLES.join(", "))]
    Variable { name: String },
    #[error("the variable {name} in the environment is not UTF-8")]
    NotText { name: String },
    #[error("{0}")]
    Application(String),
    #[error("the variables api_token and api_tokens: {0}")]
    Tokens(#[from] TokenError),
    #[error(transparent)]
    TokenFile(#[from] TokenFileError),
    #[error("--token-file and the variable api_tokens both list tokens: use one of them")]
    TokensTwice,
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    #[error("the variable upstreams: {0}")]
    Upstreams(#[from] fantail::PatternError),
    #[error(transparent)]
    Egress(#[from] EgressError),
    #[error(transparent)]
    Service(#[from] fantail::BuildError),
}

const STOPPING: &str =
    "stopping: no more connections are accepted, answers that have begun are finished; once more to end at once";

pub(crate) async fn run(serve: Serve) -> Exit {
    match try_run(serve).await {
        Ok(()) => Exit::Responses,
        Err(error) => Exit::usage(error),
    }
}

async fn try_run(serve: Serve) -> Result<(), ServeError> {
    let mut variables = variables(&serve.variables, std::env::vars_os())?;
    if let Some(path) = &serve.token_file {
        add_tokens(&mut variables, path)?;
    }
    let tokens = Tokens::among(&variables)?;
    let upstreams = variables.iter().find(|(name, value)| name == "upstreams" && !value.is_empty());
    let upstreams = upstreams.map(|(_, value)| value.parse::<OriginPattern>()).transpose()?;
    if upstreams.is_none() && serve.egress.allow.is_empty() {
        return Err(ServeError::NoOrigin);
    }
    let (stderr, written) = stderr::Stderr::start().map_err(ServeError::Thread)?;
    let (of_service, of_requests) = (stderr.clone(), stderr.clone());
    let log_request = move |access: &Access<'_>| of_requests.say(access_line::line(access, SystemTime::now()));
    let options = ServiceOptions {
        variables,
        instances: serve.instances.into(),
        callers: serve.callers.into(),
        log: Arc::new(move |line| of_service.say(line.to_string())),
        access_log: serve.access_log.then(|| Arc::new(log_request) as AccessLog),
        ..ServiceOptions::default()
    };
    let limits = Limits { memory: usize::try_from(serve.memory.as_u64()).unwrap_or(usize::MAX), ..Limits::default() };
    let service = builder(&serve.egress, upstreams)?.limits(limits).build_service(options)?;
    for token in tokens.all() {
        check(&service, token).await?;
    }
    let listening = Listening {
        grace: serve.grace,
        connections: serve.max_connections.into(),
        connections_per_peer: serve.max_connections_per_peer.into(),
        ..Listening::default()
    };
    let listen = |error| ServeError::Listen { address: serve.listen, error };
    let listener = TcpListener::bind(serve.listen).await.map_err(listen)?;
    let mut signals = Signals::new()?;
    say(format_args!("serving on http://{}/", listener.local_addr().map_err(listen)?));
    if tokens.is_empty() {
        say(
            "no token is set, so every batch is refused: SPIN_VARIABLE_API_TOKEN, --variable api_token=…, or --token-file",
        );
    }
    let (stop, stopped) = oneshot::channel::<()>();
    let mut serving = pin!(service.serve(listener, listening, async { _ = stopped.await }));
    let served = tokio::select! {
        served = &mut serving => served,
        () = signals.next() => {
            drop(stop);
            stderr.say(STOPPING.to_owned());
            tokio::select! {
                served = &mut serving => served,
                () = signals.next() => return Ok(()),
            }
        }
    };
    stderr.say(format!("stopped after {} connections, {} of them cut off", served.connections, served.cut_off));
    stderr.finish(written).await;
    Ok(())
}

/// Adds the tokens of a file, as the variable that lists them.
fn add_tokens(variables: &mut Vec<(String, String)>, path: &Path) -> Result<(), ServeError> {
    let list = token_file::read(path)?.to_json();
    if variables.iter().any(|(name, value)| name == LIST_VARIABLE && !value.is_empty()) {
        return Err(ServeError::TokensTwice);
    }
    variables.retain(|(name, _)| name != LIST_VARIABLE);
    variables.push((LIST_VARIABLE.to_owned(), list));
    Ok(())
}

/// Sends the application an empty batch, so that it checks its variables: errors in them are reported now, not to the first client.
async fn check(service: &Service, token: &Token) -> Result<(), ServeError> {
    let empty = Full::new(Bytes::from_static(br#"{"requests":[]}"#));
    let request = Request::post("/")
        .header("host", "localhost")
        .header("authorization", format!("Bearer {}", token.token.reveal()))
        .header("content-type", "application/json")
        .body(empty)
        .map_err(|_| ServeError::Application("the variable api_token cannot be used in a header".to_owned()))?;
    let answer = service.check(request).await;
    let accepted = answer.status().is_success();
    let body = answer.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    if accepted {
        return Ok(());
    }
    let body = String::from_utf8_lossy(&body);
    let detail = fantail_wire::problem_detail(&body).unwrap_or_else(|| body.into_owned());
    Err(ServeError::Application(format!("token {:?}: {detail}", token.name)))
}

/// The signals that stop the process.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, ServeError> {
        let listen = |kind| signal(kind).map_err(ServeError::Signals);
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// The variables of the application, as in spin.toml.
const KNOWN_VARIABLES: [&str; 9] = [
    TOKEN_VARIABLE,
    LIST_VARIABLE,
    "max_batch_bytes",
    "max_body_bytes",
    "max_concurrency",
    "max_deadline",
    "max_requests",
    "max_window_bytes",
    "upstreams",
];

/// The variables of the arguments, and those of the environment that the arguments do not set.
fn variables(
    from_arguments: &[(String, String)],
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Vec<(String, String)>, ServeError> {
    let mut variables = from_arguments.to_vec();
    if let Some((name, _)) = from_arguments.iter().find(|(name, _)| !KNOWN_VARIABLES.contains(&name.as_str())) {
        return Err(ServeError::Variable { name: name.clone() });
    }
    for (key, value) in environment {
        let name = key.to_str().and_then(|key| key.strip_prefix("SPIN_VARIABLE_")).map(str::to_ascii_lowercase);
        let Some(name) = name.filter(|name| KNOWN_VARIABLES.contains(&name.as_str())) else { continue };
        if from_arguments.iter().all(|(other, _)| *other != name) {
            let value = value.into_string().map_err(|_| ServeError::NotText { name: name.clone() })?;
            variables.push((name, value));
        }
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_the_arguments_override_those_of_the_environment() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let environment = [
            ("SPIN_VARIABLE_API_TOKEN", "from outside"),
            ("SPIN_VARIABLE_MAX_REQUESTS", "5"),
            ("SPIN_VARIABLE_OF_SOMETHING_ELSE", "6"),
            ("PATH", "/bin"),
        ];
        let environment = environment.into_iter().map(|(name, value)| (name.into(), value.into()));
        let found = variables(&[pair("api_token", "given")], environment).unwrap();
        assert_eq!(found, [pair("api_token", "given"), pair("max_requests", "5")]);
    }

    #[test]
    fn the_known_variables_are_those_of_spin_toml() {
        let manifest: toml::Table = include_str!("../../../../spin.toml").parse().unwrap();
        assert!(manifest["variables"].as_table().unwrap().keys().eq(KNOWN_VARIABLES));
    }
}
