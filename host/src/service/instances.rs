//! Decides which instance serves a request.

use super::callers::Callers;
use super::counters::ConnectionCounters;
use super::instance::{Instance, Job};
use super::occupancy::{Occupancy, Permit};
use super::options::ServiceOptions;
use super::running::{Running, RunningInstance};
use crate::compiled::Compiled;
use crate::sandbox::{Limits, Sandbox};
use fantail_sender::{Account, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;
use wasmtime_wasi_http::p3::bindings::ServicePre;

/// The instances of one application.
pub(crate) struct Instances {
    /// Keeps it in use, so that others need not compile it.
    _compiled: Arc<Compiled>,
    component: ServicePre<Sandbox>,
    sender: Sender,
    limits: Limits,
    options: ServiceOptions,
    environment: Vec<(String, String)>,
    live: Mutex<Vec<LiveInstance>>,
    pub(super) running: Running,
    pub(super) callers: Arc<Callers>,
    pub(super) connections: ConnectionCounters,
}

/// An instance as its callers see it.
struct LiveInstance {
    jobs: mpsc::Sender<Job>,
    occupancy: Arc<Occupancy>,
    account: Arc<Account>,
}

impl LiveInstance {
    /// Whether it may serve another request: it has served fewer than `reuse`, and used no more than half of its network allowance.
    fn is_reusable(&self, reuse: u64) -> bool {
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
        let callers = Arc::new(Callers::new(&options.variables, options.access_log.clone()));
        let (live, running, connections) = Default::default();
        let _compiled = compiled;
        Self { _compiled, component, sender, limits, options, environment, live, running, callers, connections }
    }

    pub(super) fn options(&self) -> &ServiceOptions {
        &self.options
    }

    /// Whether [`acquire`](Self::acquire) would return none.
    pub(super) fn is_full(&self) -> bool {
        let live = self.lock();
        live.len() >= self.options.instances && !live.iter().any(|instance| self.has_room(instance))
    }

    /// A permit for the first instance with room, so that the others may become idle, or else for a new one. Returns none if no more
    /// instances may be created. The channel has room for the job, unless the instance has ended meanwhile.
    pub(super) fn acquire(&self) -> Option<(mpsc::Sender<Job>, Permit)> {
        let mut live = self.lock();
        if let Some(instance) = live.iter().find(|instance| self.has_room(instance)) {
            return Some(instance.enter());
        }
        (live.len() < self.options.instances).then(|| {
            let instance = self.start();
            let entered = instance.enter();
            live.push(instance);
            entered
        })
    }

    /// The instances that may serve further requests. One that has served enough is removed here, and ends when its last caller has left.
    fn lock(&self) -> MutexGuard<'_, Vec<LiveInstance>> {
        // No code panics while it holds the lock.
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.retain(|instance| !instance.jobs.is_closed() && instance.is_reusable(self.options.reuse));
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
        let run = self.running.start(RunningInstance {
            memory: sandbox.memory(),
            account: Arc::clone(&account),
            occupancy: Arc::clone(&occupancy),
        });
        let instance = Instance {
            component: self.component.clone(),
            sandbox,
            jobs: receiver,
            occupancy: Arc::clone(&occupancy),
            idle: self.options.idle,
        };
        let log = Arc::clone(&self.options.log);
        let running = self.running.clone();
        tokio::spawn(async move {
            let _run = run;
            if let Err(error) = instance.run().await {
                running.broke_down();
                log(&format!("an instance broke down and was discarded: {error:#}"));
            }
        });
        LiveInstance { jobs, occupancy, account }
    }
}
