//! Hosts the component: one instance per batch, in its own store, under limits that hold whatever the component does.

mod batch;
mod body;
mod channels;
mod input;
mod ledger;
mod outcomes;
mod p2;
mod p3;
mod reasons;
mod receipt;
mod state;

pub use body::{Body, UnreadBody};
pub use ledger::{Entry, Malformed};
pub use outcomes::{Canceller, Outcomes};
pub use receipt::Receipt;

use crate::Response;
use crate::bindings::{p2::FantailPre as P2Pre, p3::FantailPre as P3Pre};
use crate::compiled::Compiled;
use crate::sandbox::{Limits, Wasi};
use batch::Batch;
use channels::Channels;
use fantail_engine::{Policy, Summary, WINDOW_BYTES};
use fantail_sender::{Connections, Sender};
use futures::channel::oneshot;
use futures::{Stream, StreamExt};
use input::Input;
use outcomes::Running;
pub(crate) use state::State;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug_span};
use wasmtime::component::InstancePre;

/// The compiled component, with the sender that its instances share. Cheap to clone.
#[derive(Clone)]
pub struct Harness {
    component: Component,
    sender: Sender,
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

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Counted by the harness from the outcomes, not taken from the component. What cannot be seen from outside
    /// ([`Summary::adopt_inner`]) is taken from the component's own summary, and zero if there is none ([`End::component_summary`]).
    pub summary: Summary,
    /// Connections used by the harness so far, by all its batches.
    pub connections: Connections,
    /// What the batch has used.
    pub receipt: Receipt,
    /// How the batch ended.
    pub end: End,
}

/// How a batch ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The component finished it, with its own summary unless it violated the protocol.
    Finished(Option<Box<Summary>>),
    /// The reader cancelled it. Has the component's own summary, unless it did not stop in time ([`Limits::stall`]).
    Cancelled(Option<Box<Summary>>),
    /// The component trapped, exceeded a limit, or took too long. Has the reason as text.
    Broken(String),
}

impl End {
    /// The component's own summary. Without it, what only the component can count is unknown.
    pub fn component_summary(&self) -> Option<&Summary> {
        match self {
            End::Finished(summary) | End::Cancelled(summary) => summary.as_deref(),
            End::Broken(_) => None,
        }
    }
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

    /// A harness of what the builder has compiled and linked.
    pub(crate) fn new(
        (compiled, instance, wasi): (Arc<Compiled>, InstancePre<State>, Wasi),
        sender: Sender,
        limits: Limits,
        batches: usize,
    ) -> wasmtime::Result<Self> {
        let permits = Arc::new(Semaphore::new(batches.clamp(1, Semaphore::MAX_PERMITS)));
        let component = match wasi {
            Wasi::P2 => Component::P2(P2Pre::new(instance)?),
            Wasi::P3 => Component::P3(P3Pre::new(instance)?),
        };
        Ok(Self { component, sender, limits, permits, _compiled: compiled })
    }

    /// Starts a batch in a new instance. `requests` are [`Request`](crate::Request)s, or [`Entry`]s if some may be malformed; they are read
    /// lazily, as the component asks for more. The id of a request without one is its position in the stream, from 0. Must be called inside
    /// a tokio runtime, which then runs the batch. Waits while as many batches run as [`Builder::batches`](crate::Builder::batches) allows.
    pub async fn fetch<S>(&self, requests: S, policy: &Policy) -> Result<Outcomes, PolicyRefused>
    where
        S: Stream<Item: Into<Entry>> + Send + 'static,
    {
        self.check(policy)?;
        // The semaphore is never closed, so this never fails.
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok();
        let (demand, demanded) = oneshot::channel();
        let cancelled = CancellationToken::new();
        let (outcomes, outcomes_reader) = mpsc::channel(MAX_BUFFERED_OUTCOMES);
        let (policy_result, policy_result_reader) = oneshot::channel();
        let (report, report_reader) = oneshot::channel();
        let numbered = requests.enumerate().map(|(index, entry)| entry.into().numbered(index as u64));
        let batch = Batch {
            component: self.component.clone(),
            // Our sender answers requests for facts.
            policy: self.with_defaults(policy),
            state: State::new(self.limits, self.sender.clone(), cancelled.clone()),
            input: Input::new(numbered.boxed()),
            channels: Channels { demanded, outcomes, policy_result },
            cancelled: cancelled.clone(),
            report,
            permit,
        };
        let batch = Running(Some(tokio::spawn(batch.run().instrument(debug_span!("batch"))).abort_handle()));
        let canceller = Some(Canceller { batch: cancelled.drop_guard() });
        let reader =
            Outcomes { demand: Some(demand), canceller, outcomes: outcomes_reader, report: report_reader, batch };
        match policy_result_reader.await {
            Ok(Err(refused)) => Err(refused),
            // The component broke down before it answered: the outcomes say so.
            Ok(Ok(())) | Err(_) => Ok(reader),
        }
    }

    /// The connections used so far, by all batches.
    pub fn connections(&self) -> Connections {
        self.sender.connections()
    }

    /// The policy as the component gets it: with facts, which our sender provides, and by default a window of at most a quarter of the
    /// instance's memory.
    fn with_defaults(&self, policy: &Policy) -> Policy {
        let quarter = (self.limits.memory / 4) as u64;
        let window_bytes = policy.window_bytes.unwrap_or_else(|| WINDOW_BYTES.min(quarter).max(64 << 10));
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

impl Report {
    fn broken_reason(reason: &str) -> Self {
        let end = End::Broken(reason.to_owned());
        Self { summary: Summary::default(), connections: Connections::default(), receipt: Receipt::default(), end }
    }
}
