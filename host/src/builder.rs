//! Builds a harness or a service from the bytes of a component.

use crate::compiled::Compiled;
use crate::harness::{Harness, State};
use crate::sandbox::{Limits, Runs, Sandboxed, Wasi, linker};
use crate::service::{Instances, Service, ServiceOptions};
use fantail_sender::{
    Connect, Egress, Identity, PoolLimits, Proxy, Resolve, Route, Sender, SenderConfig, SystemResolver, TcpConnector,
    Timeouts, Tls, TlsSettings, Trust,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wasmtime::component::{InstancePre, Linker};
use wasmtime_wasi_http::p3::bindings::ServicePre;

/// Builds a [`Harness`] or a [`Service`].
pub struct Builder {
    egress: Egress,
    component: Option<Vec<u8>>,
    cache: Option<PathBuf>,
    wasi: Wasi,
    limits: Limits,
    batches: usize,
    workers: usize,
    pool: PoolLimits,
    timeouts: Timeouts,
    tls: TlsSettings,
    resolver: Arc<dyn Resolve>,
    transports: Arc<dyn Connect>,
    route: Route,
    http2_prior_knowledge: bool,
    decompress: bool,
}

/// A harness or service cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The engine cannot be set up on this machine.
    #[error("WebAssembly cannot be run here: {0:#}")]
    Engine(wasmtime::Error),
    /// The bytes are not a component.
    #[error("not a WebAssembly component: {0:#}")]
    Component(wasmtime::Error),
    /// The component imports something that the host does not provide, or lacks the export that the host needs.
    #[error("the component does not fit this host: {0:#}")]
    Link(wasmtime::Error),
    /// The watchdog's thread, or a worker's, could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

impl Builder {
    /// The default of [`batches`](Self::batches).
    pub const BATCHES: usize = 1_024;

    pub(crate) fn new(egress: Egress) -> Self {
        Self {
            egress,
            component: None,
            cache: None,
            wasi: Wasi::default(),
            limits: Limits::default(),
            batches: Self::BATCHES,
            workers: 1,
            pool: PoolLimits::default(),
            timeouts: Timeouts::default(),
            tls: TlsSettings { http2: true, ..TlsSettings::default() },
            resolver: Arc::new(SystemResolver::default()),
            transports: Arc::new(TcpConnector),
            route: Route::Direct,
            http2_prior_knowledge: false,
            decompress: false,
        }
    }

    /// Which of the library's two components a harness runs. They do the same; the one for WASI 0.2, which is the default, costs less.
    pub fn wasi(mut self, wasi: Wasi) -> Self {
        self.wasi = wasi;
        self
    }

    /// A component to run in place of the library's own. For a harness it must export `fantail:fetch/batch` or `fantail:fetch-p2/batch`, for a
    /// service `wasi:http/handler`. It may import wasi:http and wasi:clocks; for a service also wasi:cli/environment, which contains only
    /// the variables of [`ServiceOptions`].
    pub fn component(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.component = Some(bytes.into());
        self
    }

    /// Caches compiled components in this folder (wasmtime's cache), so that the same component is not compiled again at the next start.
    /// By default nothing is cached. Files in the folder are run as machine code with all rights of this process, so it is used only if
    /// it belongs to the process's user and nobody else may write to it. If it is missing it is created like that. A folder that cannot
    /// be used is ignored. The cache holds at most 512 MiB and 65,536 files.
    pub fn cache(mut self, folder: impl Into<PathBuf>) -> Self {
        self.cache = Some(folder.into());
        self
    }

    /// The limits of each instance.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The most batches that one harness runs at once, at least one; further ones wait to start. Worst-case memory: for each, `workers` times
    /// what [`Limits`] allows one instance. For a service, [`ServiceOptions::instances`] is the limit.
    pub fn batches(mut self, max: usize) -> Self {
        self.batches = max;
        self
    }

    /// On how many threads a harness runs each batch: the one that polls it, and for each further one a thread of its own with an instance, a
    /// store and connections of its own. Default 1. At least 1.
    ///
    /// The instances take requests from one input and their outcomes come as one stream, in the order that the policy asks for. Each has its part
    /// of the policy's limits: of the requests in flight, in all and per origin, of the rate, the retries and the windows; so together they stay
    /// within it. The percentage of retries, and `hedge: auto`, are about the requests of each. There are fewer instances if a part of a limit would
    /// be nothing, or less than 8 requests in flight; and one if rules are about other requests (`until`, `coalesce`, a breaker, an
    /// adaptive limit). [`Limits`] and [`PoolLimits`] hold for each.
    ///
    /// The input, the resolver and the connector are polled on the workers' runtimes too, which have one thread each, and what they spawn there ends
    /// with the harness and its batches.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers.max(1);
        self
    }

    /// The limits of the connection pool.
    pub fn pool(mut self, pool: PoolLimits) -> Self {
        self.pool = pool;
        self
    }

    /// The longest time that each step of a request may take, whatever a policy asks for.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Which root certificates to trust in TLS.
    pub fn trust(mut self, trust: Trust) -> Self {
        self.tls.trust = trust;
        self
    }

    /// The client certificate, for servers that ask for one in TLS.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.tls.identity = Some(identity);
        self
    }

    /// Whether HTTP/2 is offered to servers over TLS (ALPN, RFC 7301). By default it is.
    pub fn http2(mut self, offered: bool) -> Self {
        self.tls.http2 = offered;
        self
    }

    /// Whether HTTP/2 is spoken with `http` origins without asking them first (RFC 9113, section 3.3). By default it is not. An origin that
    /// does not speak it fails.
    pub fn http2_prior_knowledge(mut self, spoken: bool) -> Self {
        self.http2_prior_knowledge = spoken;
        self
    }

    /// Whether responses are asked for with a content coding (gzip, br, zstd), which is undone before the component sees them: limits and
    /// policies hold for the decoded length, so that a short body which stands for a long one ends at `max_body`. By default they are not.
    /// While it is decoded, a body takes up to 16 MiB (br) or 8 MiB (zstd) outside of the component.
    pub fn decompress(mut self, decompress: bool) -> Self {
        self.decompress = decompress;
        self
    }

    /// Opens every connection to this Unix domain socket, whatever the origin is. No name is resolved, and addresses are not judged. The egress
    /// policy must name the socket ([`Egress::unix_socket`]), and still says which origins are allowed.
    pub fn unix_socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.route = Route::UnixSocket(path.into().into());
        self
    }

    /// Sends every request through this proxy. The environment is never asked for one. The egress policy still says which origins are allowed,
    /// and judges the proxy's address and addresses in URLs; it cannot judge what a name leads to, which only the proxy knows.
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.route = Route::Proxy(proxy);
        self
    }

    /// What opens connections. It receives only approved addresses.
    pub fn connector(mut self, transports: impl Connect) -> Self {
        self.transports = Arc::new(transports);
        self
    }

    /// What finds the addresses of names.
    pub fn resolver(mut self, resolver: impl Resolve) -> Self {
        self.resolver = Arc::new(resolver);
        self
    }

    /// Compiles the component, unless it is one of the library's own and already in use, and checks that it fits this host.
    pub fn build(self) -> Result<Harness, BuildError> {
        let default = match self.wasi {
            Wasi::P2 => (crate::COMPONENT_P2, Runs::Synchronous),
            Wasi::P3 => (crate::COMPONENT, Runs::Asynchronous),
        };
        let compiled = self.compiled(default, Compiled::any)?;
        let (instance, wasi) = link::<State>(&compiled, |_| Ok(()))?;
        let Self { limits, batches, workers, .. } = self;
        let tls = Tls::new(self.tls.clone());
        Harness::new((compiled, instance, wasi), || self.sender(&tls), limits, batches, workers)
    }

    /// Builds a service: of the application, or of the component given in its place.
    pub fn build_service(self, options: ServiceOptions) -> Result<Service, BuildError> {
        let compiled = self.compiled((crate::APPLICATION, Runs::Asynchronous), Compiled::asynchronous)?;
        let (instance, _) = link(&compiled, crate::service::add_to_linker)?;
        let component = ServicePre::new(instance).map_err(BuildError::Link)?;
        let (limits, tls) = (self.limits, Tls::new(self.tls.clone()));
        Ok(Service::new(Instances::new((compiled, component), self.sender(&tls), limits, options)))
    }

    /// The component that was given, compiled by `compile`, or the library's own.
    fn compiled(
        &self,
        (own, runs): (&'static [u8], Runs),
        compile: impl FnOnce(&[u8], Option<&Path>) -> Result<Arc<Compiled>, BuildError>,
    ) -> Result<Arc<Compiled>, BuildError> {
        let cache = self.cache.as_deref();
        match &self.component {
            Some(component) => compile(component, cache),
            None => Compiled::built_in(own, runs, cache),
        }
    }

    /// A sender. All of them share `tls`.
    fn sender(&self, tls: &Tls) -> Sender {
        let config = SenderConfig {
            egress: self.egress.clone(),
            resolver: Arc::clone(&self.resolver),
            transports: Arc::clone(&self.transports),
            tls: tls.clone(),
            route: self.route.clone(),
            http2_prior_knowledge: self.http2_prior_knowledge,
            decompress: self.decompress,
        };
        Sender::new(config, self.timeouts, self.pool)
    }
}

/// Links a component with what it may import.
fn link<T: Sandboxed>(
    compiled: &Compiled,
    extend: impl FnOnce(&mut Linker<T>) -> wasmtime::Result<()>,
) -> Result<(InstancePre<T>, Wasi), BuildError> {
    let wasi = compiled.wasi();
    let link = || {
        let mut linker = linker(&compiled.engine, wasi)?;
        extend(&mut linker)?;
        linker.instantiate_pre(&compiled.component)
    };
    Ok((link().map_err(BuildError::Link)?, wasi))
}
