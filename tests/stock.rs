//! A host of wasmtime's own making, with nothing of ours but a network that answers from memory.

use http_body_util::{BodyExt, Full};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Config, Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

/// Answers 200 at once, 500 on `/fail`, and never on `/hang`.
struct Memory {
    asked: Arc<AtomicUsize>,
}

type Transmission = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Memory {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Transmission,
    ) -> Box<dyn Future<Output = Result<(http::Response<WasiBody>, Transmission), Error>> + Send> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Box::new(async move {
            if request.uri().path() == "/hang" {
                std::future::pending::<()>().await;
            }
            let body = Full::new("hello".into()).map_err(|never| match never {}).boxed_unsync();
            let status = if request.uri().path() == "/fail" { 500 } else { 200 };
            let response = http::Response::builder().status(status).body(body).unwrap();
            Ok((response, Box::new(async { Ok(()) }) as Transmission))
        })
    }
}

pub(crate) struct Host {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Memory,
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Host {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.hooks, table: &mut self.table, ctx: &mut self.http }
    }
}

/// A component, and all that a host of WASI 0.2 and 0.3 offers it.
pub(crate) struct Stock {
    pub(crate) store: Store<Host>,
    pub(crate) component: Component,
    pub(crate) linker: Linker<Host>,
    asked: Arc<AtomicUsize>,
}

impl Stock {
    pub(crate) fn new(component: &[u8], environment: &[(&str, &str)]) -> Self {
        let mut config = Config::new();
        config.wasm_component_model_async(true);
        let engine = Engine::new(&config).unwrap();
        let component = Component::from_binary(&engine, component).unwrap();
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker).unwrap();
        wasmtime_wasi_http::p3::add_to_linker(&mut linker).unwrap();
        wasmtime_wasi::p3::add_to_linker(&mut linker).unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let host = Host {
            table: ResourceTable::new(),
            wasi: WasiCtx::builder().envs(environment).build(),
            http: WasiHttpCtx::new(),
            hooks: Memory { asked: Arc::clone(&asked) },
        };
        Self { store: Store::new(&engine, host), component, linker, asked }
    }

    /// How many requests were sent.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}
