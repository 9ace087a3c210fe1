//! What confines every instance: its own store, a minimum of imports, and limits.

mod busy;
mod hooks;
mod limits;
mod watchdog;
mod workarounds;

pub use limits::Limits;
pub(crate) use watchdog::{start_ticking, watch};

use busy::Busy;
use fantail_sender::{Account, Allowance, Client, Sender, Usage};
use hooks::Hooks;
use limits::Meter;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use wasmtime::component::{HasData, Linker, ResourceTable};
use wasmtime::{Config, Engine};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::p2::bindings::io;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

/// A version of WASI. The default is the one that costs less in a harness (BENCHMARKS.md).
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
    /// How many calls the instance has made to the host.
    host_calls: u64,
    /// How long the instance has computed since its last call to the host.
    pub(crate) computing: Duration,
    /// How long it has run in total.
    pub(crate) busy: Busy,
    /// Set by progress without a call to the host: bytes that pass in a stream.
    pub(crate) progress: Arc<AtomicBool>,
}

/// A reading of what an instance has used.
pub(crate) struct Consumption {
    /// Bytes of its memories, which never shrink.
    pub(crate) memory: usize,
    pub(crate) host_calls: u64,
    pub(crate) network: Usage,
}

/// The data of a store whose instance is kept within its limits.
pub(crate) trait Sandboxed: WasiView + WasiHttpView + Send + 'static {
    fn sandbox(&mut self) -> &mut Sandbox;
}

impl Sandbox {
    /// `environment` is for components that may import it. There are no arguments, files, sockets or standard streams: the linkers
    /// provide none of them.
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
            progress: Arc::default(),
        }
    }

    pub(crate) fn sender(&self) -> &Sender {
        self.hooks.0.sender()
    }

    /// Records a call to the host. Any call counts as progress, even one that reads the clock.
    fn record_host_call(&mut self) {
        self.computing = Duration::ZERO;
        self.host_calls += 1;
    }

    /// What the instance has used so far.
    pub(crate) fn consumption(&self) -> Consumption {
        Consumption {
            memory: self.meter.memory().load(Ordering::Relaxed),
            host_calls: self.host_calls,
            network: self.hooks.0.account().usage(),
        }
    }

    /// The table of resources, for the host's own use.
    pub(crate) fn table(&mut self) -> &mut ResourceTable {
        &mut self.table
    }

    /// Bytes of its memories, to be read while it runs.
    pub(crate) fn memory(&self) -> Arc<AtomicUsize> {
        Arc::clone(self.meter.memory())
    }

    pub(crate) fn account(&self) -> Arc<Account> {
        Arc::clone(self.hooks.0.account())
    }
}

impl WasiView for Sandbox {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.record_host_call();
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Sandbox {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.record_host_call();
        WasiHttpCtxView { hooks: &mut self.hooks, table: &mut self.table, ctx: &mut self.http }
    }
}

impl Sandboxed for Sandbox {
    fn sandbox(&mut self) -> &mut Sandbox {
        self
    }
}

/// What an engine runs. On one that runs asynchronous components, each call to the host is a task with allocations of its own: a third of
/// all that a request needs over WASI 0.2 (tests/costs.rs).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runs {
    /// Components for WASI 0.2.
    Synchronous,
    /// Any.
    Asynchronous,
}

pub(crate) fn config(runs: Runs) -> Config {
    let mut config = Config::new();
    match runs {
        Runs::Synchronous => config.concurrency_support(false),
        Runs::Asynchronous => config.wasm_component_model_async(true),
    };
    config.epoch_interruption(true);
    config.max_wasm_stack(512 * 1024);
    config
}

/// A linker with the imports that every component may use.
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
