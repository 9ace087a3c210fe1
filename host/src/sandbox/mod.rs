//! What every instance lives in, whatever it is for: its own store, the little that it may import, and limits.

mod busy;
mod hooks;
mod limits;
mod watchdog;
mod workarounds;

pub use limits::Limits;
pub(crate) use watchdog::{start_ticking, watch};

use busy::Busy;
use fantail_sender::{Account, Allowance, Client, Sender, Used};
use hooks::Hooks;
use limits::Meter;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use wasmtime::component::{HasData, Linker, ResourceTable};
use wasmtime::{Config, Engine};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::p2::bindings::io;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

/// A version of WASI. The default is what has been measured to cost less in a harness (BENCHMARKS.md).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wasi {
    /// 0.2: `fantail:fetch-p2/batch`.
    #[default]
    P2,
    /// 0.3: `fantail:fetch/batch`.
    P3,
}

/// The host's side of one instance.
pub(crate) struct Sandbox {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Hooks,
    meter: Meter,
    pub(crate) limits: Limits,
    /// How often the instance has asked something of us.
    host_calls: u64,
    /// How long the instance has been computing since it last asked something of us.
    pub(crate) computing: Duration,
    /// How long it has been run in all.
    pub(crate) busy: Busy,
    /// Set by whatever else is a sign of life: bytes that pass without the instance asking for each of them.
    pub(crate) alive: Arc<AtomicBool>,
}

/// What an instance has used.
pub(crate) struct Consumption {
    /// Bytes of its memories, which do not shrink.
    pub(crate) memory: usize,
    pub(crate) host_calls: u64,
    pub(crate) network: Used,
}

/// What a store has to hold so that an instance in it is kept within its limits.
pub(crate) trait Sandboxed: WasiView + WasiHttpView + Send + 'static {
    fn sandbox(&mut self) -> &mut Sandbox;
}

impl Sandbox {
    /// `environment` is for components that may ask for it. There are no arguments, files, sockets or standard streams: the
    /// linkers have none of them anyway.
    pub(crate) fn new(limits: Limits, sender: Sender, environment: &[(String, String)]) -> Self {
        let allowance = Allowance { bytes: limits.network_bytes, body: limits.response_bytes };
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.resources);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(limits.field_bytes);
        Self {
            table,
            wasi: WasiCtx::builder().envs(environment).build(),
            http,
            hooks: Hooks(Client::new(sender, Arc::new(Account::new(allowance)))),
            host_calls: 0,
            meter: Meter::new(limits),
            limits,
            computing: Duration::ZERO,
            busy: Busy::default(),
            alive: Arc::default(),
        }
    }

    pub(crate) fn sender(&self) -> &Sender {
        self.hooks.0.sender()
    }

    /// Whatever an instance asks of the host is a sign of life, were it only the time.
    fn called(&mut self) {
        self.computing = Duration::ZERO;
        self.host_calls += 1;
    }

    /// What has been used so far.
    pub(crate) fn used(&self) -> Consumption {
        Consumption { memory: self.meter.memory(), host_calls: self.host_calls, network: self.hooks.0.account().used() }
    }

    /// The host's resources, for the host itself.
    pub(crate) fn table(&mut self) -> &mut ResourceTable {
        &mut self.table
    }

    pub(crate) fn account(&self) -> Arc<Account> {
        Arc::clone(self.hooks.0.account())
    }
}

impl WasiView for Sandbox {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.called();
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Sandbox {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.called();
        WasiHttpCtxView { hooks: &mut self.hooks, table: &mut self.table, ctx: &mut self.http }
    }
}

impl Sandboxed for Sandbox {
    fn sandbox(&mut self) -> &mut Sandbox {
        self
    }
}

pub(crate) fn config() -> Config {
    let mut config = Config::new();
    config.wasm_component_model_async(true);
    config.epoch_interruption(true);
    config.max_wasm_stack(512 * 1024);
    config
}

/// What every component may import.
pub(crate) fn linker<T: Sandboxed>(engine: &Engine, wasi: Wasi) -> wasmtime::Result<Linker<T>> {
    let mut linker = Linker::new(engine);
    match wasi {
        Wasi::P2 => {
            wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
            workarounds::replace(&mut linker)?;
            io::error::add_to_linker::<T, HasTable>(&mut linker, |data| data.ctx().table)?;
            io::poll::add_to_linker::<T, HasTable>(&mut linker, |data| data.ctx().table)?;
            io::streams::add_to_linker::<T, HasTable>(&mut linker, |data| data.ctx().table)?;
            monotonic_clock::add_to_linker::<T, WasiClocks>(&mut linker, T::clocks)?;
        }
        Wasi::P3 => {
            wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
            wasmtime_wasi::p3::clocks::add_to_linker(&mut linker)?;
        }
    }
    Ok(linker)
}

struct HasTable;

impl HasData for HasTable {
    type Data<'a> = &'a mut ResourceTable;
}
