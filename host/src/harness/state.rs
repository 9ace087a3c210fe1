//! What the store of a batch holds.

use super::ledger::{Entry, Ledger};
use crate::sandbox::{Limits, Sandbox, Sandboxed};
use crate::sender::Sender;
use fantail_engine::Tally;
use futures::stream::BoxStream;
use std::sync::{Arc, OnceLock};
use std::time::Instant;
use tokio::sync::mpsc;
use wasmtime_wasi::{WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

/// What the store of a batch holds: the host's side of one instance and its batch.
pub(crate) struct State {
    pub(super) sandbox: Sandbox,
    pub(super) input: BoxStream<'static, Entry>,
    pub(super) input_ended: bool,
    pub(super) ledger: Ledger,
    pub(super) tally: Tally,
    /// When the first request was asked for.
    pub(super) begun: Option<Instant>,
    /// Why the component broke down, if it did: shared with unread bodies.
    pub(super) broken: Arc<OnceLock<String>>,
    /// Held by every unread body: when the last is gone, so is the batch.
    pub(super) alive: Option<mpsc::Sender<()>>,
}

impl State {
    pub(super) fn new(limits: Limits, sender: Sender, input: BoxStream<'static, Entry>) -> Self {
        Self {
            sandbox: Sandbox::new(limits, sender, &[]),
            input,
            input_ended: false,
            ledger: Ledger::default(),
            tally: Tally::new(),
            begun: None,
            broken: Arc::default(),
            alive: None,
        }
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
