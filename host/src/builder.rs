//! From a component's bytes to a harness.

use crate::compiled::Compiled;
use crate::harness::{Harness, State};
use crate::sandbox::{Limits, Sandboxed, Wasi, linker};
use crate::service::{Instances, Service, ServiceOptions};
use fantail_sender::{
    Connect, Egress, Identity, PoolLimits, Resolve, Sender, SenderConfig, SystemResolver, TcpConnector, Timeouts,
    TlsSettings, Trust,
};
use std::path::PathBuf;
use std::sync::Arc;
use wasmtime::component::{InstancePre, Linker};
use wasmtime_wasi_http::p3::bindings::ServicePre;

/// By this a component for WASI 0.2 is known.
const EXPORT_P2: &str = "fantail:fetch-p2/batch@0.1.0";

/// Makes a [`Harness`], or a [`Service`].
pub struct Builder {
    egress: Egress,
    component: Option<Vec<u8>>,
    cache: Option<PathBuf>,
    wasi: Wasi,
    limits: Limits,
    batches: usize,
    pool: PoolLimits,
    timeouts: Timeouts,
    tls: TlsSettings,
    resolver: Arc<dyn Resolve>,
    transports: Arc<dyn Connect>,
}

/// A harness cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The engine cannot be set up on this machine.
    #[error("WebAssembly cannot be run here: {0:#}")]
    Engine(wasmtime::Error),
    /// The bytes are not a component.
    #[error("not a WebAssembly component: {0:#}")]
    Component(wasmtime::Error),
    /// The component wants what a harness does not give, or exports neither `fantail:fetch/batch` nor `fantail:fetch-p2/batch`.
    #[error("the component does not fit this host: {0:#}")]
    Link(wasmtime::Error),
    /// The watchdog's thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

impl Builder {
    /// Batches of one harness at once, unless [`batches`](Self::batches) says otherwise.
    pub const BATCHES: usize = 1_024;

    pub(crate) fn new(egress: Egress) -> Self {
        Self {
            egress,
            component: None,
            cache: None,
            wasi: Wasi::default(),
            limits: Limits::default(),
            batches: Self::BATCHES,
            pool: PoolLimits::default(),
            timeouts: Timeouts::default(),
            tls: TlsSettings { http2: true, ..TlsSettings::default() },
            resolver: Arc::new(SystemResolver::default()),
            transports: Arc::new(TcpConnector),
        }
    }

    /// Which of the two components that were built with this library a harness runs. They do the same; that for WASI 0.2, which is the default,
    /// costs less.
    pub fn wasi(mut self, wasi: Wasi) -> Self {
        self.wasi = wasi;
        self
    }

    /// A component to run in place of those. For a harness it must export
    /// `fantail:fetch/batch` or `fantail:fetch-p2/batch`, for a service `wasi:http/handler`. It may import wasi:http and wasi:clocks; for a service also
    /// wasi:cli/environment, in which there is nothing but the variables of [`ServiceOptions`].
    pub fn component(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.component = Some(bytes.into());
        self
    }

    /// Keeps what is compiled in this folder (wasmtime's cache), so that the same component is not compiled again at the next start.
    /// Without it nothing is kept. What is in the folder is run as machine code, with all that this process may do: it is used only if
    /// it belongs to the process's user and nobody else may write to it, and it is made like that if it is not there. One that
    /// cannot be used is gone without. It holds 512 MiB and 65,536 files at most.
    pub fn cache(mut self, folder: impl Into<PathBuf>) -> Self {
        self.cache = Some(folder.into());
        self
    }

    /// What an instance may use.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Batches of one harness at once, at least one; more wait to begin. Worst-case memory: as many times what
    /// [`Limits`] says of one instance. For a service [`ServiceOptions::instances`] says how many.
    pub fn batches(mut self, most: usize) -> Self {
        self.batches = most;
        self
    }

    /// What the connections may hold.
    pub fn pool(mut self, pool: PoolLimits) -> Self {
        self.pool = pool;
        self
    }

    /// The longest that each step of a request may take, whatever a policy asks.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Whom to trust in TLS.
    pub fn trust(mut self, trust: Trust) -> Self {
        self.tls.trust = trust;
        self
    }

    /// Who we are, for servers that ask for a certificate in TLS.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.tls.identity = Some(identity);
        self
    }

    /// Whether HTTP/2 is offered to servers that speak TLS (ALPN, RFC 7301). It is, unless this says otherwise.
    pub fn http2(mut self, offered: bool) -> Self {
        self.tls.http2 = offered;
        self
    }

    /// Who opens connections. It is given approved addresses and nothing else.
    pub fn connector(mut self, transports: impl Connect) -> Self {
        self.transports = Arc::new(transports);
        self
    }

    /// Who finds the addresses of names.
    pub fn resolver(mut self, resolver: impl Resolve) -> Self {
        self.resolver = Arc::new(resolver);
        self
    }

    /// Compiles the component, unless it is one of those that come with this library and in use already, and checks that it fits.
    pub fn build(self) -> Result<Harness, BuildError> {
        let default = match self.wasi {
            Wasi::P2 => crate::COMPONENT_P2,
            Wasi::P3 => crate::COMPONENT,
        };
        let compiled = self.compiled(default)?;
        let (instance, wasi) = link::<State>(&compiled, |_| Ok(()))?;
        let (limits, batches) = (self.limits, self.batches);
        Harness::new((compiled, instance, wasi), self.sender(), limits, batches).map_err(BuildError::Link)
    }

    /// The same for the application, or the component given in its place.
    pub fn build_service(self, options: ServiceOptions) -> Result<Service, BuildError> {
        let compiled = self.compiled(crate::APPLICATION)?;
        let (instance, _) = link(&compiled, crate::service::add_to_linker)?;
        let component = ServicePre::new(instance).map_err(BuildError::Link)?;
        let limits = self.limits;
        Ok(Service::new(Instances::new((compiled, component), self.sender(), limits, options)))
    }

    fn compiled(&self, default: &'static [u8]) -> Result<Arc<Compiled>, BuildError> {
        let cache = self.cache.as_deref();
        match &self.component {
            Some(component) => Compiled::new(component, cache),
            None => Compiled::built_in(default, cache),
        }
    }

    fn sender(self) -> Sender {
        let Self { egress, resolver, transports, tls, timeouts, pool, .. } = self;
        Sender::new(SenderConfig { egress, resolver, transports, tls }, timeouts, pool)
    }
}

/// Gives a component what it may import. Which version of WASI it is for, is known by what it exports.
fn link<T: Sandboxed>(
    Compiled { engine, component }: &Compiled,
    extend: impl FnOnce(&mut Linker<T>) -> wasmtime::Result<()>,
) -> Result<(InstancePre<T>, Wasi), BuildError> {
    let wasi = if component.get_export_index(None, EXPORT_P2).is_some() { Wasi::P2 } else { Wasi::P3 };
    let link = || {
        let mut linker = linker(engine, wasi)?;
        extend(&mut linker)?;
        linker.instantiate_pre(component)
    };
    Ok((link().map_err(BuildError::Link)?, wasi))
}
