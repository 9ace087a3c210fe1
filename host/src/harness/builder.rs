//! From a component's bytes to a harness.

use super::state::State;
use super::watchdog::start_ticking;
use super::{Harness, Limits};
use crate::Egress;
use crate::bindings::FantailPre;
use crate::sender::{PoolLimits, Resolve, Sender, SystemResolver, Timeouts, Trust};
use std::sync::Arc;
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine};

/// Makes a [`Harness`].
pub struct Builder {
    egress: Egress,
    component: Option<Vec<u8>>,
    limits: Limits,
    pool: PoolLimits,
    timeouts: Timeouts,
    trust: Trust,
    resolver: Arc<dyn Resolve>,
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
    /// The component wants what a harness does not give, or does not export `fantail:fetch/batch`.
    #[error("the component does not fit this host: {0:#}")]
    Link(wasmtime::Error),
    /// The watchdog's thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

impl Builder {
    pub(super) fn new(egress: Egress) -> Self {
        Self {
            egress,
            component: None,
            limits: Limits::default(),
            pool: PoolLimits::default(),
            timeouts: Timeouts::default(),
            trust: Trust::default(),
            resolver: Arc::new(SystemResolver::default()),
        }
    }

    /// A component to run in place of the one that was built with this library. It must export `fantail:fetch/batch`
    /// and may import wasi:http and wasi:clocks.
    pub fn component(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.component = Some(bytes.into());
        self
    }

    /// What an instance may use.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
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
        self.trust = trust;
        self
    }

    /// Who finds the addresses of names.
    pub fn resolver(mut self, resolver: impl Resolve) -> Self {
        self.resolver = Arc::new(resolver);
        self
    }

    /// Compiles the component and checks that it fits.
    pub fn build(self) -> Result<Harness, BuildError> {
        let engine = Engine::new(&config()).map_err(BuildError::Engine)?;
        let bytes = self.component.as_deref().unwrap_or(crate::COMPONENT);
        let component = Component::from_binary(&engine, bytes).map_err(BuildError::Component)?;
        let instance = linker(&engine).and_then(|linker| linker.instantiate_pre(&component));
        let component = instance.and_then(FantailPre::new).map_err(BuildError::Link)?;
        start_ticking(&engine).map_err(BuildError::Thread)?;
        let sender = Sender::new(self.egress, self.resolver, self.trust, self.timeouts, self.pool);
        Ok(Harness { component, sender, limits: self.limits })
    }
}

fn config() -> Config {
    let mut config = Config::new();
    config.wasm_component_model_async(true);
    config.epoch_interruption(true);
    config.max_wasm_stack(512 * 1024);
    config
}

/// What a component may import: nothing but these.
fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    wasmtime_wasi::p3::clocks::add_to_linker(&mut linker)?;
    Ok(linker)
}
