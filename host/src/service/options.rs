//! The options of a service.

use super::callers::AccessLog;
use fantail_tokens::{LIST_VARIABLE, Tokens};
use std::sync::Arc;
use std::time::Duration;

/// The options of a service. The variables `api_token` and `api_tokens` are read by the service too, for limits and metrics.
///
/// Worst-case memory of the guests: `instances` x [`Limits::memory`](crate::Limits::memory), and the same for
/// each replaced instance that still has a caller.
#[derive(Clone)]
pub struct ServiceOptions {
    /// The application's variables, with their names in spin.toml.
    pub variables: Vec<(String, String)>,
    /// The most instances at once. When each has `callers`, a further request is answered with 503. Default 4.
    pub instances: usize,
    /// The most requests that one instance serves at once, each until its answer has been read. Default 16, as on Spin.
    pub callers: usize,
    /// How many requests an instance serves before it is replaced. It is replaced earlier when it has used half of
    /// [`Limits::network_bytes`](crate::Limits::network_bytes). Default 100,000.
    pub reuse: u64,
    /// How long an instance is kept without a request. Default 60 s.
    pub idle: Duration,
    /// How long the head of an answer may take, which includes reading the batch. After that the answer is 504. Default 60 s.
    pub head: Duration,
    /// Called with a message for each instance that breaks down. By default nothing is logged.
    pub log: Arc<dyn Fn(&str) + Send + Sync>,
    /// Called for each request of a connection when its answer has ended. It must not block. Default none.
    pub access_log: Option<AccessLog>,
}

impl Default for ServiceOptions {
    fn default() -> Self {
        Self {
            variables: Vec::new(),
            instances: 4,
            callers: 16,
            reuse: 100_000,
            idle: Duration::from_secs(60),
            head: Duration::from_secs(60),
            log: Arc::new(|_| {}),
            access_log: None,
        }
    }
}

impl ServiceOptions {
    /// The variables as wasi:cli/environment provides them, and one that says that our sender provides facts.
    pub(super) fn environment(&self) -> Vec<(String, String)> {
        let key = |name: &str| format!("SPIN_VARIABLE_{}", name.to_ascii_uppercase());
        let ours = (key("host_facts"), "true".to_owned());
        let value = |name: &str, value: &str| {
            let tokens = (name == LIST_VARIABLE).then(|| Tokens::from_json(value).ok()).flatten();
            // The service counts batches itself, over all instances.
            tokens.map_or_else(|| value.to_owned(), |tokens| tokens.without_max_batches().to_json())
        };
        self.variables.iter().map(|(name, text)| (key(name), value(name, text))).chain([ours]).collect()
    }
}
