//! Hosts the component: one instance per batch, in a store of its own, under limits that hold whatever it does.

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

/// The component, compiled and ready to be run, with the sender that its instances share. Cheap to clone.
#[derive(Clone)]
pub struct Harness {
    component: Component,
    sender: Sender,
    limits: Limits,
    /// One for each batch that may run.
    places: Arc<Semaphore>,
    /// For as long as it is in use here, others need not compile it.
    _compiled: Arc<Compiled>,
}

/// A component that speaks one of the two versions.
#[derive(Clone)]
enum Component {
    P2(P2Pre<State>),
    P3(P3Pre<State>),
}

/// Where outcomes go to be read.
type Outbox = mpsc::Sender<Outcome>;

/// What became of one request.
pub type Outcome = fantail_engine::Outcome<Response>;

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Counted by the harness as outcomes passed it, not taken from the component; what cannot be seen
    /// from outside ([`Summary::adopt_inner`]) is the component's word if it came to an end, and zero if not ([`End::own`]).
    pub summary: Summary,
    /// Connections used by the harness so far, by all its batches.
    pub connections: Connections,
    /// What the batch has cost.
    pub receipt: Receipt,
    /// How the batch ended.
    pub end: End,
}

/// How a batch ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The component ended it, with this summary unless it broke the protocol.
    Finished(Option<Box<Summary>>),
    /// The reader cancelled it. With the component's own summary, unless it did not stop in time ([`Limits::stall`]).
    Cancelled(Option<Box<Summary>>),
    /// The component trapped, passed a limit, or took too long. In words.
    Broken(String),
}

impl End {
    /// The component's own summary. Without it nothing is known of what only the component can count.
    pub fn own(&self) -> Option<&Summary> {
        match self {
            End::Finished(own) | End::Cancelled(own) => own.as_deref(),
            End::Broken(_) => None,
        }
    }
}

/// The component refused the policy. Nothing was read and nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("policy: {field}: {reason}")]
pub struct PolicyRefused {
    /// The field of [`Policy`].
    pub field: String,
    /// What is wrong and what is accepted.
    pub reason: String,
}

impl PolicyRefused {
    /// With the name that the field has in the interface.
    fn by_component(field: &str, reason: String) -> Self {
        Self { field: field.replace('-', "_"), reason }
    }
}

/// Outcomes made and not yet taken by the reader, beside those that the component holds back in its window.
const OUTCOMES: usize = 64;

impl Harness {
    /// Begins with what has no default: where requests may go.
    pub fn builder(egress: crate::Egress) -> crate::Builder {
        crate::Builder::new(egress)
    }

    /// What the builder has compiled.
    pub(crate) fn new(
        (compiled, instance, wasi): (Arc<Compiled>, InstancePre<State>, Wasi),
        sender: Sender,
        limits: Limits,
        batches: usize,
    ) -> wasmtime::Result<Self> {
        let places = Arc::new(Semaphore::new(batches.clamp(1, Semaphore::MAX_PERMITS)));
        let component = match wasi {
            Wasi::P2 => Component::P2(P2Pre::new(instance)?),
            Wasi::P3 => Component::P3(P3Pre::new(instance)?),
        };
        Ok(Self { component, sender, limits, places, _compiled: compiled })
    }

    /// Hands a batch to a new instance. `requests` are [`Request`](crate::Request)s, or [`Entry`]s if some may be
    /// malformed; they are read lazily, as the component asks for more. Those without an id are numbered from 0 by their place in the stream. Must be called inside a tokio runtime, which then
    /// runs the batch. Waits while as many run as [`Builder::batches`](crate::Builder::batches) allows.
    pub async fn fetch<S>(&self, requests: S, policy: &Policy) -> Result<Outcomes, PolicyRefused>
    where
        S: Stream<Item: Into<Entry>> + Send + 'static,
    {
        self.check(policy)?;
        // Never closed, so there always is one in the end.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        let (ask, asked) = oneshot::channel();
        let cancelled = CancellationToken::new();
        let (outcomes, outcomes_reader) = mpsc::channel(OUTCOMES);
        let (accepted, accepted_reader) = oneshot::channel();
        let (report, report_reader) = oneshot::channel();
        let numbered = requests.enumerate().map(|(place, entry)| entry.into().numbered(place as u64));
        let batch = Batch {
            component: self.component.clone(),
            // Our sender answers.
            policy: self.with_defaults(policy),
            state: State::new(self.limits, self.sender.clone(), cancelled.clone()),
            input: Input::new(numbered.boxed()),
            channels: Channels { asked, outcomes, accepted },
            cancelled: cancelled.clone(),
            report,
            place,
        };
        let batch = Running(Some(tokio::spawn(batch.run().instrument(debug_span!("batch"))).abort_handle()));
        let canceller = Some(Canceller { batch: cancelled.drop_guard() });
        let reader = Outcomes { ask: Some(ask), canceller, outcomes: outcomes_reader, report: report_reader, batch };
        match accepted_reader.await {
            Ok(Err(refused)) => Err(refused),
            // Broken down before it said anything: the outcomes will tell.
            Ok(Ok(())) | Err(_) => Ok(reader),
        }
    }

    /// Connections used so far, by all batches.
    pub fn connections(&self) -> Connections {
        self.sender.connections()
    }

    /// The policy as the component gets it: it asks for facts, which our sender gives, and holds no more than a quarter of the memory that it has.
    fn with_defaults(&self, policy: &Policy) -> Policy {
        let quarter = (self.limits.memory / 4) as u64;
        let window_bytes = policy.window_bytes.unwrap_or_else(|| WINDOW_BYTES.min(quarter).max(64 << 10));
        Policy { host_facts: Some(true), window_bytes: Some(window_bytes), ..policy.clone() }
    }

    /// What a policy asks for that the limits of this harness do not allow.
    fn check(&self, policy: &Policy) -> Result<(), PolicyRefused> {
        match policy.max_body {
            Some(asked) if asked > self.limits.max_body => {
                let reason = format!("{asked} bytes are more than the host allows, which is {}", self.limits.max_body);
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
    fn broken(reason: &str) -> Self {
        let end = End::Broken(reason.to_owned());
        Self { summary: Summary::default(), connections: Connections::default(), receipt: Receipt::default(), end }
    }
}
