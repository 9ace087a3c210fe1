//! A host of plain wasmtime, with a network that answers from memory.

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
use wasmtime_wasi_http::p3::bindings::Service;
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView, p3,
};

/// Answers 200 immediately: `/bytes/N` with N bytes, `/header/N` with a header of N bytes, `/length/N` with a content-length of N, `/echo`
/// with the body of the request, `/headers` with its headers, and `/count` with how many requests came before. `/status/N` answers N, `/fail`
/// 500, `/busy` 503 the first time, `/moved` redirects to `/ok`; `/later` answers when it is polled again, `/delay/N` after N milliseconds, and
/// `/hang` never. The body of `/short` breaks off, and the connection to `/refused` is refused.
struct InMemoryNetwork {
    requests_sent: Arc<AtomicUsize>,
    /// Paths that were requested.
    requested: BTreeSet<String>,
    in_flight: Arc<AtomicUsize>,
}

/// Decrements the counter on drop.
struct InFlight(Arc<AtomicUsize>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

type Transmission = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for InMemoryNetwork {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Transmission,
    ) -> Box<dyn Future<Output = Result<(http::Response<WasiBody>, Transmission), Error>> + Send> {
        let count = self.requests_sent.fetch_add(1, Ordering::SeqCst);
        let first = self.requested.insert(request.uri().path().to_owned());
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        let in_flight = InFlight(Arc::clone(&self.in_flight));
        Box::new(async move {
            let _in_flight = in_flight;
            let (head, upload) = request.into_parts();
            let mut path = head.uri.path().trim_start_matches('/').split('/');
            let (name, number) = (path.next().unwrap_or_default(), path.next().and_then(|number| number.parse().ok()));
            let number: usize = number.unwrap_or_default();
            let mut response = http::Response::builder();
            let mut body = Bytes::from_static(b"hello");
            match name {
                "hang" => std::future::pending().await,
                "later" => tokio::task::yield_now().await,
                "delay" => tokio::time::sleep(Duration::from_millis(number as u64)).await,
                // This content-length does not frame the body.
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
                "echo" => body = upload.collect().await?.to_bytes(),
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
    hooks: InMemoryNetwork,
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

/// A component with a host of all of WASI 0.2 and 0.3.
pub(crate) struct Stock {
    pub(crate) store: Store<Host>,
    pub(crate) component: Component,
    pub(crate) linker: Linker<Host>,
    requests_sent: Arc<AtomicUsize>,
    in_flight: Arc<AtomicUsize>,
}

impl Stock {
    pub(crate) fn new(component: &[u8], environment: &[(&str, &str)]) -> Self {
        Self::with(&mut Config::new(), component, environment)
    }

    /// Compiles quickly without optimisation, for large components that run once.
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
        let (requests_sent, in_flight) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let host = Host {
            table: ResourceTable::new(),
            wasi: WasiCtx::builder().envs(environment).build(),
            http: WasiHttpCtx::new(),
            hooks: InMemoryNetwork {
                requests_sent: Arc::clone(&requests_sent),
                requested: BTreeSet::new(),
                in_flight: Arc::clone(&in_flight),
            },
        };
        Self { store: Store::new(&engine, host), component, linker, requests_sent, in_flight }
    }

    /// Posts a batch to an application, as any host of wasi:http/handler would. Returns the status and the body of its answer.
    pub(crate) async fn post(&mut self, batch: impl Into<Bytes>) -> (u16, Bytes) {
        let service = Service::instantiate_async(&mut self.store, &self.component, &self.linker).await.unwrap();
        let request = http::Request::post("http://edge.test/").header("content-type", "application/json");
        let request = request.header("authorization", "Bearer secret");
        let batch = Full::new(batch.into()).map_err(|never| -> Error { match never {} });
        let request = request.body(batch).unwrap();
        let answer = self.store.run_concurrent(async move |accessor| {
            let request = accessor.with(|mut store| p3::Request::from_http(store.get().http().hooks, request).0);
            let response = service.handle(accessor, request).await.unwrap().unwrap();
            let response = accessor.with(|store| response.into_http(store, async { Ok(()) })).unwrap();
            let (head, body) = response.into_parts();
            (head.status.as_u16(), body.collect().await.unwrap().to_bytes())
        });
        answer.await.unwrap()
    }

    /// Replaces the arguments, the environment and the standard streams.
    pub(crate) fn set_wasi(&mut self, wasi: WasiCtx) {
        self.store.data_mut().wasi = wasi;
    }

    /// The number of requests sent so far.
    pub(crate) fn requests_sent(&self) -> usize {
        self.requests_sent.load(Ordering::SeqCst)
    }

    /// The number of requests in flight.
    pub(crate) fn in_flight(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.in_flight)
    }
}
