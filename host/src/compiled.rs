//! Compiled components.

use crate::sandbox::{Runs, Wasi, config, start_ticking};
use crate::{BuildError, cache};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use wasmtime::Engine;
use wasmtime::component::Component;

/// The export that identifies a component for WASI 0.2.
const EXPORT_P2: &str = "fantail:fetch-p2/batch@0.1.0";

/// A compiled component, in an engine of its own.
pub(crate) struct Compiled {
    pub(crate) engine: Engine,
    pub(crate) component: Component,
}

/// The library's own components that are in use, by the address of their bytes.
static IN_USE: Mutex<Vec<(usize, Weak<Compiled>)>> = Mutex::new(Vec::new());

impl Compiled {
    /// Compiles a component for either version of WASI, unless it is in the cache.
    pub(crate) fn any(bytes: &[u8], cache: Option<&Path>) -> Result<Arc<Self>, BuildError> {
        // An asynchronous one is refused before anything is compiled.
        match Self::new(bytes, Runs::Synchronous, cache) {
            Ok(compiled) if compiled.wasi() == Wasi::P2 => Ok(compiled),
            Ok(_) | Err(_) => Self::asynchronous(bytes, cache),
        }
    }

    /// The version of WASI that it is for, which its exports tell.
    pub(crate) fn wasi(&self) -> Wasi {
        let exports_p2 = self.component.get_export_index(None, EXPORT_P2).is_some();
        if exports_p2 { Wasi::P2 } else { Wasi::P3 }
    }

    /// Compiles a component that may be asynchronous, unless it is in the cache.
    pub(crate) fn asynchronous(bytes: &[u8], cache: Option<&Path>) -> Result<Arc<Self>, BuildError> {
        Self::new(bytes, Runs::Asynchronous, cache)
    }

    fn new(bytes: &[u8], runs: Runs, cache: Option<&Path>) -> Result<Arc<Self>, BuildError> {
        let mut config = config(runs);
        config.cache(cache.and_then(cache::open));
        let engine = Engine::new(&config).map_err(BuildError::Engine)?;
        let component = Component::from_binary(&engine, bytes).map_err(BuildError::Component)?;
        start_ticking(&engine).map_err(BuildError::Thread)?;
        Ok(Arc::new(Self { engine, component }))
    }

    /// One of the library's own components: compiled once for all that use it at the same time. Waits while another thread compiles it.
    pub(crate) fn built_in(bytes: &'static [u8], runs: Runs, cache: Option<&Path>) -> Result<Arc<Self>, BuildError> {
        let address = bytes.as_ptr() as usize;
        // No code panics while it has changed the list halfway.
        let mut in_use = IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
        in_use.retain(|(_, compiled)| compiled.strong_count() > 0);
        let existing =
            in_use.iter().find(|(existing, _)| *existing == address).and_then(|(_, compiled)| compiled.upgrade());
        if let Some(compiled) = existing {
            return Ok(compiled);
        }
        let compiled = Self::new(bytes, runs, cache)?;
        in_use.push((address, Arc::downgrade(&compiled)));
        Ok(compiled)
    }
}
