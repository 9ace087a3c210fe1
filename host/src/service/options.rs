//! How an application is run.

use std::sync::Arc;
use std::time::Duration;

/// How an application is run. Worst-case memory of the guests: `instances` x [`Limits::memory`](crate::Limits::memory), and as much
/// again for each that has served `reuse` requests and still has a caller.
#[derive(Clone)]
pub struct ServiceOptions {
    /// The application's variables, by their names in spin.toml.
    pub variables: Vec<(String, String)>,
    /// Instances at once. Beyond that, and `callers` in each, a request is answered with 503. Default 4.
    pub instances: usize,
    /// Requests that one instance serves at once, each until its answer has been read. Default 16, as on Spin.
    pub callers: usize,
    /// Requests that an instance serves before it is replaced; it is replaced earlier when it has used half of
    /// [`Limits::network_bytes`](crate::Limits::network_bytes). Default 100,000.
    pub reuse: u64,
    /// How long an instance is kept without a request. Default 60 s.
    pub idle: Duration,
    /// To the head of the answer, reading a batch included. Past it the answer is 504. Default 60 s.
    pub head: Duration,
    /// Told, in a sentence, of each instance that broke down. Default: nobody is.
    pub log: Arc<dyn Fn(&str) + Send + Sync>,
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
        }
    }
}

impl ServiceOptions {
    /// The variables as wasi:cli/environment has them, and the one that says that our sender tells facts.
    pub(super) fn environment(&self) -> Vec<(String, String)> {
        let key = |name: &str| format!("SPIN_VARIABLE_{}", name.to_ascii_uppercase());
        let ours = (key("host_facts"), "true".to_owned());
        self.variables.iter().map(|(name, value)| (key(name), value.clone())).chain([ours]).collect()
    }
}
