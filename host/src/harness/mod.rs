//! Hosts the component: one instance per batch, or one per batch and worker, each in its own store, under limits that hold whatever
//! the component does.

mod batch;
mod body;
mod channels;
mod deal;
mod input;
mod lanes;
mod ledger;
mod outcomes;
mod p2;
mod p3;
mod reasons;
mod receipt;
mod report;
mod state;
mod workers;

pub use body::{Body, UnreadBody};
pub use ledger::{Entry, Malformed};
pub use outcomes::{Canceller, Outcomes};
pub use receipt::Receipt;
pub use report::{End, Report};

use crate::bindings::{p2::FantailPre as P2Pre, p3::FantailPre as P3Pre};
use crate::compiled::Compiled;
use crate::sandbox::{Limits, Wasi};
use crate::{BuildError, Response};
use batch::Batch;
use channels::Channels;
use deal::Deal;
use fantail_engine::{MIN_WINDOW_BYTES, Order, Policy, WINDOW_BYTES};
use fantail_sender::{Connections, Sender};
use futures::channel::oneshot;
use futures::{Stream, StreamExt};
use input::{Input, Source};
use lanes::Lanes;
use outcomes::{Instance, Running};
pub(crate) use state::State;
use std::io;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug_span};
use wasmtime::component::InstancePre;
use workers::{Worker, shares};

/// The compiled component, with the sender that its instances share. Cheap to clone.
#[derive(Clone)]
pub struct Harness {
    component: Component,
    sender: Sender,
    /// Threads that run a part of each batch that can be divided.
    workers: Arc<Vec<Worker>>,
    limits: Limits,
    /// One permit for each batch that may run.
    permits: Arc<Semaphore>,
    /// Keeps it in use, so that others need not compile it.
    _compiled: Arc<Compiled>,
}

/// A component for one of the two versions of WASI.
#[derive(Clone)]
enum Component {
    P2(P2Pre<State>),
    P3(P3Pre<State>),
}

/// The channel through which outcomes reach their reader.
type Outbox = mpsc::Sender<Outcome>;

/// What became of one request.
pub type Outcome = fantail_engine::Outcome<Response>;

/// An instance that was started.
struct Started {
    instance: Instance,
    outcomes: mpsc::Receiver<Outcome>,
    policy_result: oneshot::Receiver<Result<(), PolicyRefused>>,
}

/// The policy was refused. Nothing was read and nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("policy: {field}: {reason}")]
pub struct PolicyRefused {
    /// The field of [`Policy`].
    pub field: String,
    /// What is wrong and what is accepted.
    pub reason: String,
}

impl PolicyRefused {
    /// From a field's name in the interface.
    fn by_component(field: &str, reason: String) -> Self {
        Self { field: field.replace('-', "_"), reason }
    }
}

/// The most outcomes that wait for the reader, beside those that the component holds in its window.
const MAX_BUFFERED_OUTCOMES: usize = 64;

impl Harness {
    /// A builder. Where requests may go has no default.
    pub fn builder(egress: crate::Egress) -> crate::Builder {
        crate::Builder::new(egress)
    }

    /// A harness of what the builder has compiled and linked, with a sender for each worker.
    pub(crate) fn new(
        (compiled, instance, wasi): (Arc<Compiled>, InstancePre<State>, Wasi),
        sender: impl Fn() -> Sender,
        limits: Limits,
        batches: usize,
        workers: usize,
    ) -> Result<Self, BuildError> {
        let permits = Arc::new(Semaphore::new(batches.clamp(1, Semaphore::MAX_PERMITS)));
        let component = match wasi {
            Wasi::P2 => P2Pre::new(instance).map(Component::P2),
            Wasi::P3 => P3Pre::new(instance).map(Component::P3),
        };
        let component = component.map_err(BuildError::Link)?;
        let workers = (1..workers).map(|_| Worker::start(sender())).collect::<io::Result<_>>();
        let workers = Arc::new(workers.map_err(BuildError::Thread)?);
        Ok(Self { component, sender: sender(), workers, limits, permits, _compiled: compiled })
    }

    /// Starts a batch in a new instance; in several, if the harness has workers. `requests` are [`Request`](crate::Request)s, or [`Entry`]s if
    /// some may be malformed; they are read lazily, as the component asks for more. The id of a request without one is its position in the
    /// stream, from 0. Must be called inside a tokio runtime, which then runs the batch. Waits while as many batches run as
    /// [`Builder::batches`](crate::Builder::batches) allows.
    pub async fn fetch<S>(&self, requests: S, policy: &Policy) -> Result<Outcomes, PolicyRefused>
    where
        S: Stream<Item: Into<Entry>> + Send + 'static,
    {
        self.check(policy)?;
        // The semaphore is never closed, so this never fails.
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok().map(Arc::new);
        let cancelled = CancellationToken::new();
        let numbered = requests.enumerate().map(|(index, entry)| entry.into().numbered(index as u64)).boxed();
        let in_order = policy.order == Some(Order::Input);
        let policies = shares(&self.with_defaults(policy), self.workers.len() + 1);
        let (deal, sources) = match policies.len() {
            1 => (None, vec![Source::Whole(numbered)]),
            _ => {
                let slots = policies.iter().map(|policy| policy.concurrency.unwrap_or(1) as usize);
                let (deal, dealt) = Deal::new(numbered, &slots.collect::<Vec<_>>(), in_order);
                (Some(deal), dealt.into_iter().map(Source::Dealt).collect())
            }
        };
        let (mut instances, mut receivers, mut results) = (Vec::new(), Vec::new(), Vec::new());
        for (place, (policy, source)) in policies.into_iter().zip(sources).enumerate() {
            let started = self.start(place, policy, source, &cancelled, permit.clone());
            instances.push(started.instance);
            receivers.push(started.outcomes);
            results.push(started.policy_result);
        }
        let canceller = Some(Canceller { batch: cancelled.drop_guard() });
        let outcomes = Outcomes { lanes: Lanes::new(receivers, deal, in_order), canceller, instances };
        for result in results {
            // If the component broke down before it answered, the outcomes say so.
            if let Ok(Err(refused)) = result.await {
                return Err(refused);
            }
        }
        Ok(outcomes)
    }

    /// Starts an instance: the first one here, the others each on the thread of a worker.
    fn start(
        &self,
        place: usize,
        policy: Policy,
        source: Source,
        cancelled: &CancellationToken,
        permit: Option<Arc<OwnedSemaphorePermit>>,
    ) -> Started {
        let worker = place.checked_sub(1).and_then(|place| self.workers.get(place));
        let sender = worker.map_or(&self.sender, |worker| &worker.sender);
        let (demand, demanded) = oneshot::channel();
        let (outcomes, outcomes_reader) = mpsc::channel(MAX_BUFFERED_OUTCOMES);
        let (policy_result, policy_result_reader) = oneshot::channel();
        let (report, report_reader) = oneshot::channel();
        let batch = Batch {
            component: self.component.clone(),
            policy,
            state: State::new(self.limits, sender.clone(), cancelled.clone()),
            input: Input::new(source),
            channels: Channels { demanded, outcomes, policy_result },
            cancelled: cancelled.clone(),
            report,
            permit,
            workers: Arc::clone(&self.workers),
        };
        let run = batch.run().instrument(debug_span!("batch"));
        let task = match worker {
            Some(worker) => worker.runtime.spawn(run),
            None => tokio::spawn(run),
        };
        let task = Running(Some(task.abort_handle()));
        let instance = Instance { demand: Some(demand), report: report_reader, task };
        Started { instance, outcomes: outcomes_reader, policy_result: policy_result_reader }
    }

    /// The connections used so far, by all batches.
    pub fn connections(&self) -> Connections {
        let workers = self.workers.iter().map(|worker| worker.sender.connections());
        workers.fold(self.sender.connections(), Connections::and)
    }

    /// The policy as the component gets it: with facts, which our sender provides, and by default a window of at most a quarter of the
    /// instance's memory.
    fn with_defaults(&self, policy: &Policy) -> Policy {
        let quarter = (self.limits.memory / 4) as u64;
        let window_bytes = policy.window_bytes.unwrap_or_else(|| WINDOW_BYTES.min(quarter).max(MIN_WINDOW_BYTES));
        Policy { host_facts: Some(true), window_bytes: Some(window_bytes), ..policy.clone() }
    }

    /// Refuses a policy that asks for more than the limits of this harness allow.
    fn check(&self, policy: &Policy) -> Result<(), PolicyRefused> {
        match policy.max_body {
            Some(requested) if requested > self.limits.max_body => {
                let reason =
                    format!("{requested} bytes are more than the host allows, which is {}", self.limits.max_body);
                Err(PolicyRefused { field: "max_body".to_owned(), reason })
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl Component {
    fn engine(&self) -> &wasmtime::Engine {
        match self {
            Component::P2(component) => component.engine(),
            Component::P3(component) => component.engine(),
        }
    }
}
