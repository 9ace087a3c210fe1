//! A host of wasmtime's own making, with nothing of ours but a network that answers from memory.

use bytes::Bytes;
use futures::stream;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Config, Engine, OptLevel, RegallocAlgorithm, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

/// Answers 200 at once, with so many bytes on `/bytes/N`, such a header on `/header/N`, what was sent on `/echo`, the names and values of its
/// headers on `/headers`, and how many requests came before on `/count`. Answers N on `/status/N`, 500 on `/fail`, 503 on `/busy` the first time,
/// and with where `/ok` is on `/moved`; after so many milliseconds on `/delay/N`, and never on `/hang`. The body breaks off on `/short`, the
/// connection is refused on `/refused`.
struct Memory {
    asked: Arc<AtomicUsize>,
    /// Paths that were asked for.
    seen: BTreeSet<String>,
    in_flight: Arc<AtomicUsize>,
}

/// Counts down when it is dropped.
struct InFlight(Arc<AtomicUsize>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

type Transmission = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Memory {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Transmission,
    ) -> Box<dyn Future<Output = Result<(http::Response<WasiBody>, Transmission), Error>> + Send> {
        let count = self.asked.fetch_add(1, Ordering::SeqCst);
        let first = self.seen.insert(request.uri().path().to_owned());
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        let in_flight = InFlight(Arc::clone(&self.in_flight));
        Box::new(async move {
            let _in_flight = in_flight;
            let (head, sent) = request.into_parts();
            let mut path = head.uri.path().trim_start_matches('/').split('/');
            let (name, number) = (path.next().unwrap_or_default(), path.next().and_then(|number| number.parse().ok()));
            let number: usize = number.unwrap_or_default();
            let mut response = http::Response::builder();
            let mut body = Bytes::from_static(b"hello");
            match name {
                "hang" => std::future::pending().await,
                "delay" => tokio::time::sleep(Duration::from_millis(number as u64)).await,
                // One that did not frame the body.
                "length" => response = response.header("content-length", number),
                "fail" => response = response.status(500),
                "bytes" => body = vec![b'x'; number].into(),
                "header" => response = response.header("x-filler", vec![b'h'; number]),
                "status" => response = response.status(u16::try_from(number).unwrap()),
                "busy" => response = response.status(if first { 503 } else { 200 }),
                "moved" => response = response.status(302).header("location", "/ok"),
                "count" => body = count.to_string().into(),
                "headers" => body = format!("{:?}", head.headers).into(),
                "refused" => return Err(Error::ConnectionRefused),
                "short" => {
                    let pieces = [Ok(Frame::data(body)), Err(Error::HttpResponseIncomplete)];
                    let body = StreamBody::new(stream::iter(pieces)).boxed_unsync();
                    return Ok((response.body(body).unwrap(), Box::new(async { Ok(()) }) as Transmission));
                }
                "echo" => body = sent.collect().await?.to_bytes(),
                _ => {}
            }
            let body = Full::new(body).map_err(|never| match never {}).boxed_unsync();
            Ok((response.body(body).unwrap(), Box::new(async { Ok(()) }) as Transmission))
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
    in_flight: Arc<AtomicUsize>,
}

impl Stock {
    pub(crate) fn new(component: &[u8], environment: &[(&str, &str)]) -> Self {
        Self::with(&mut Config::new(), component, environment)
    }

    /// For what is large and runs once: compiled fast, not to be fast.
    pub(crate) fn unoptimised(component: &[u8]) -> Self {
        let mut config = Config::new();
        config.cranelift_opt_level(OptLevel::None);
        config.cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass);
        Self::with(&mut config, component, &[])
    }

    fn with(config: &mut Config, component: &[u8], environment: &[(&str, &str)]) -> Self {
        config.wasm_component_model_async(true);
        let engine = Engine::new(config).unwrap();
        let component = Component::from_binary(&engine, component).unwrap();
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker).unwrap();
        wasmtime_wasi_http::p3::add_to_linker(&mut linker).unwrap();
        wasmtime_wasi::p3::add_to_linker(&mut linker).unwrap();
        let (asked, in_flight) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let host = Host {
            table: ResourceTable::new(),
            wasi: WasiCtx::builder().envs(environment).build(),
            http: WasiHttpCtx::new(),
            hooks: Memory { asked: Arc::clone(&asked), seen: BTreeSet::new(), in_flight: Arc::clone(&in_flight) },
        };
        Self { store: Store::new(&engine, host), component, linker, asked, in_flight }
    }

    /// Replaces arguments, environment, and where what is printed goes.
    pub(crate) fn set_wasi(&mut self, wasi: WasiCtx) {
        self.store.data_mut().wasi = wasi;
    }

    /// How many requests were sent.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// How many requests are being answered.
    pub(crate) fn in_flight(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.in_flight)
    }
}
