//! The instances that run, and what all of them have used.

use super::counters::Counter;
use super::occupancy::Occupancy;
use fantail_sender::{Account, Usage};
use slab::Slab;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The instances that run, those included that serve no further requests but still have callers.
#[derive(Clone, Default)]
pub(super) struct Running(Arc<Shared>);

#[derive(Default)]
struct Shared {
    instances: Mutex<Instances>,
    broken: Counter,
}

#[derive(Default)]
struct Instances {
    running: Slab<RunningInstance>,
    started: u64,
    /// What those that ended have used of the network.
    ended: Usage,
}

/// What can be read of an instance while it runs.
pub(super) struct RunningInstance {
    /// Bytes of its memories.
    pub(super) memory: Arc<AtomicUsize>,
    pub(super) account: Arc<Account>,
    pub(super) occupancy: Arc<Occupancy>,
}

/// An instance runs until this is dropped.
pub(super) struct Run {
    running: Running,
    place: usize,
}

/// A reading of all instances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) instances: u64,
    pub(super) started: u64,
    pub(super) broken: u64,
    /// Requests that they serve now.
    pub(super) callers: u64,
    pub(super) memory: u64,
    /// What all that ever ran have used of the network.
    pub(super) network: Usage,
}

impl Running {
    pub(super) fn start(&self, instance: RunningInstance) -> Run {
        let mut instances = self.lock();
        instances.started += 1;
        Run { running: self.clone(), place: instances.running.insert(instance) }
    }

    pub(super) fn broke_down(&self) {
        self.0.broken.increment();
    }

    pub(super) fn read(&self) -> Reading {
        let instances = self.lock();
        let (started, network, broken) = (instances.started, instances.ended, self.0.broken.get());
        let all = Reading { started, network, broken, ..Reading::default() };
        instances.running.iter().fold(all, |all, (_, instance)| Reading {
            instances: all.instances + 1,
            callers: all.callers + instance.occupancy.callers() as u64,
            memory: all.memory + instance.memory.load(Ordering::Relaxed) as u64,
            network: add(all.network, instance.account.usage()),
            ..all
        })
    }

    /// No code panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, Instances> {
        self.0.instances.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let mut instances = self.running.lock();
        if let Some(instance) = instances.running.try_remove(self.place) {
            instances.ended = add(instances.ended, instance.account.usage());
        }
    }
}

fn add(one: Usage, other: Usage) -> Usage {
    Usage {
        opened: one.opened + other.opened,
        reused: one.reused + other.reused,
        received: one.received + other.received,
        sent: one.sent + other.sent,
    }
}
