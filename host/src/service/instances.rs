//! Which instance serves a request.

use super::ServiceOptions;
use super::instance::{Instance, Job};
use super::occupancy::{Occupancy, Permit};
use crate::compiled::Compiled;
use crate::sandbox::{Limits, Sandbox};
use fantail_sender::{Account, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;
use wasmtime_wasi_http::p3::bindings::ServicePre;

/// The instances of one application.
pub(crate) struct Instances {
    /// For as long as it is in use here, others need not compile it.
    _compiled: Arc<Compiled>,
    component: ServicePre<Sandbox>,
    sender: Sender,
    limits: Limits,
    options: ServiceOptions,
    environment: Vec<(String, String)>,
    live: Mutex<Vec<LiveInstance>>,
}

/// An instance as its callers see it.
struct LiveInstance {
    jobs: mpsc::Sender<Job>,
    occupancy: Arc<Occupancy>,
    account: Arc<Account>,
}

impl LiveInstance {
    /// Whether it may serve another: it has served fewer than `reuse`, and has left enough of the network for those it serves.
    fn is_fresh(&self, reuse: u64) -> bool {
        self.occupancy.served() < reuse && !self.account.is_half_used()
    }

    fn enter(&self) -> (mpsc::Sender<Job>, Permit) {
        (self.jobs.clone(), self.occupancy.enter())
    }
}

impl Instances {
    pub(crate) fn new(
        (compiled, component): (Arc<Compiled>, ServicePre<Sandbox>),
        sender: Sender,
        limits: Limits,
        options: ServiceOptions,
    ) -> Self {
        let environment = options.environment();
        Self { _compiled: compiled, component, sender, limits, options, environment, live: Mutex::default() }
    }

    pub(super) fn options(&self) -> &ServiceOptions {
        &self.options
    }

    /// Whether [`place`](Self::place) has none to give.
    pub(super) fn is_full(&self) -> bool {
        let live = self.lock();
        live.len() >= self.options.instances && !live.iter().any(|instance| self.has_room(instance))
    }

    /// A place in the first instance that has one, so that the others come to rest; else in a new one; none if there may be
    /// no more. A job sent there is always taken, unless the instance has ended meanwhile.
    pub(super) fn place(&self) -> Option<(mpsc::Sender<Job>, Permit)> {
        let mut live = self.lock();
        if let Some(instance) = live.iter().find(|instance| self.has_room(instance)) {
            return Some(instance.enter());
        }
        (live.len() < self.options.instances).then(|| {
            let instance = self.start();
            let place = instance.enter();
            live.push(instance);
            place
        })
    }

    /// Those that may still serve. One that has served enough ends by itself when its last caller has left; meanwhile another takes
    /// its place.
    fn lock(&self) -> MutexGuard<'_, Vec<LiveInstance>> {
        // Nothing in here panics half-way through a change.
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.retain(|instance| !instance.jobs.is_closed() && instance.is_fresh(self.options.reuse));
        live
    }

    fn has_room(&self, instance: &LiveInstance) -> bool {
        instance.occupancy.callers() < self.options.callers
    }

    fn start(&self) -> LiveInstance {
        let (jobs, receiver) = mpsc::channel(self.options.callers.max(1));
        let occupancy = Arc::<Occupancy>::default();
        let sandbox = Sandbox::new(self.limits, self.sender.clone(), &self.environment);
        let account = sandbox.account();
        let instance = Instance {
            component: self.component.clone(),
            sandbox,
            jobs: receiver,
            occupancy: Arc::clone(&occupancy),
            idle: self.options.idle,
        };
        let log = Arc::clone(&self.options.log);
        tokio::spawn(async move {
            if let Err(error) = instance.run().await {
                log(&format!("an instance broke down and is thrown away: {error:#}"));
            }
        });
        LiveInstance { jobs, occupancy, account }
    }
}
