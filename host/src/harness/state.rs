//! What a store holds.

use super::ledger::{Entry, Ledger};
use super::limits::{Limits, Meter};
use crate::sender::{Connections, Diary, Hooks, Sender};
use fantail_engine::Tally;
use futures::stream::BoxStream;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

/// What a store holds: the host's side of one instance and its batch.
pub(super) struct State {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Hooks,
    pub(super) meter: Meter,
    pub(super) limits: Limits,
    /// How long the component has been computing since it last asked something of us.
    pub(super) computing: Duration,
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
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.resources);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(limits.field_bytes);
        Self {
            table,
            // No arguments, environment, files, sockets or standard streams: the linker has none of them anyway.
            wasi: WasiCtx::builder().build(),
            http,
            hooks: Hooks { sender, diary: Diary::default() },
            meter: Meter::new(limits),
            limits,
            computing: Duration::ZERO,
            input,
            input_ended: false,
            ledger: Ledger::default(),
            tally: Tally::new(),
            begun: None,
            broken: Arc::default(),
            alive: None,
        }
    }

    pub(super) fn connections(&self) -> Connections {
        self.hooks.sender.connections()
    }

    pub(super) fn diary(&self) -> &Diary {
        &self.hooks.diary
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        // So is asking for the time, which our component does whenever it wakes.
        self.computing = Duration::ZERO;
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        // Whatever the component asks of wasi:http is a sign of life.
        self.computing = Duration::ZERO;
        WasiHttpCtxView { hooks: &mut self.hooks, table: &mut self.table, ctx: &mut self.http }
    }
}
