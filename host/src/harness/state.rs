//! What the store of a batch holds.

use super::Outcome;
use super::feed::Feed;
use super::ledger::{Ledger, Open};
use crate::sandbox::{Limits, Sandbox, Sandboxed};
use crate::sender::Sender;
use fantail_engine::{Failure, Phase, Tally};
use std::sync::{Arc, OnceLock};
use std::time::Instant;
use tokio::sync::mpsc;
use tracing::debug;
use wasmtime_wasi::{WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

/// What the store of a batch holds: the host's side of one instance and its batch.
pub(crate) struct State {
    pub(super) sandbox: Sandbox,
    pub(super) feed: Feed,
    pub(super) ledger: Ledger,
    pub(super) tally: Tally,
    /// When the first request was asked for.
    pub(super) begun: Option<Instant>,
    /// Why the component broke down, if it did: shared with unread bodies.
    pub(super) broken: Arc<OnceLock<String>>,
    /// Held by every unread body of a component for WASI 0.3: when the last is gone, so is the batch.
    pub(super) alive: Option<mpsc::Sender<()>>,
}

impl State {
    pub(super) fn new(limits: Limits, sender: Sender, feed: Feed) -> Self {
        Self {
            sandbox: Sandbox::new(limits, sender, &[]),
            feed,
            ledger: Ledger::default(),
            tally: Tally::new(),
            begun: None,
            broken: Arc::default(),
            alive: None,
        }
    }
}

impl State {
    /// The component's outcome as the reader gets it, under the caller's id, with what the harness knows better.
    pub(super) fn close(&mut self, open: Open, outcome: Outcome) -> Outcome {
        let mut outcome = Outcome { id: open.id, ..outcome };
        if let Some(malformed) = &open.malformed {
            outcome.result = Err(malformed.failure());
        }
        let status = outcome.result.as_ref().ok().map(|response| response.status);
        if let Err(failure) = &mut outcome.result {
            explain(&self.sandbox, &outcome.url, failure);
        }
        let (cause, phase) = match &outcome.result {
            Ok(_) => (None, None),
            Err(failure) => (Some(failure.cause.name()), Some(failure.phase.name())),
        };
        let total_us = u64::try_from(outcome.timing.total.as_micros()).unwrap_or(u64::MAX);
        debug!(id = outcome.id, attempts = outcome.attempts, status, cause, phase, total_us, "outcome");
        self.tally.finished(&outcome, status);
        outcome
    }
}

impl Sandboxed for State {
    fn sandbox(&mut self) -> &mut Sandbox {
        &mut self.sandbox
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.sandbox.ctx()
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.sandbox.http()
    }
}

/// Adds what the sender knows and wasi:http cannot say.
fn explain(sandbox: &Sandbox, url: &str, failure: &mut Failure) {
    let Some(authority) = url::Url::parse(url).ok().map(|url| url.authority().to_owned()) else { return };
    if failure.detail.is_none()
        && let Some((phase, detail)) = sandbox.diary().read(&authority, failure.cause)
        // Of another request to the same origin, which had come further or not as far.
        && (phase == Phase::Body) == failure.status.is_some()
    {
        failure.phase = phase;
        failure.detail = Some(detail);
    }
}
