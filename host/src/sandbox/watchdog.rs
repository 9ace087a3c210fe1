//! Ends components that compute for too long: a thread advances the epoch, and each store counts its ticks.

use super::Sandboxed;
use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;
use wasmtime::{Engine, Store, UpdateDeadline};

/// How often a computing component is checked, and yields to the other tasks on its thread.
const TICK: Duration = Duration::from_millis(10);

/// A component has computed for longer than `Limits::stall` without calling the host.
#[derive(Debug, thiserror::Error)]
#[error("the component computed for {0:?} without asking anything of the host")]
struct Stalled(Duration);

/// A component has computed for longer than `Limits::cpu` in total.
#[derive(Debug, thiserror::Error)]
#[error("the component computed for {0:?} in all")]
struct Exhausted(Duration);

/// Starts a thread that advances the epoch for as long as the engine is in use.
pub(crate) fn start_ticking(engine: &Engine) -> io::Result<()> {
    let engine = engine.weak();
    let tick = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    };
    std::thread::Builder::new().name("fantail-epoch".to_owned()).spawn(tick).map(drop)
}

/// Sets the limits of a store.
pub(crate) fn watch<T: Sandboxed>(store: &mut Store<T>) {
    let limits = store.data_mut().sandbox().limits;
    store.limiter(|data| &mut data.sandbox().meter);
    store.set_hostcall_fuel(limits.hostcall_bytes);
    store.set_max_component_handles(limits.handles);
    if let Some(table) = store.concurrent_resource_table() {
        table.set_max_capacity(limits.handles);
    }
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|mut store| {
        let sandbox = store.data_mut().sandbox();
        // A tick counts in full, even if the instance waited through most of it.
        sandbox.computing =
            if sandbox.progress.swap(false, Ordering::Relaxed) { TICK } else { sandbox.computing + TICK };
        let busy = sandbox.busy.total();
        if busy > sandbox.limits.cpu {
            return Err(Exhausted(busy).into());
        }
        if sandbox.computing > sandbox.limits.stall {
            return Err(Stalled(sandbox.computing).into());
        }
        Ok(UpdateDeadline::Yield(1))
    });
}
