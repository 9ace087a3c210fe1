//! What became of a batch, put together from what became of its instances.

use super::receipt::Receipt;
use fantail_engine::{Summary, Tally};
use fantail_sender::{Account, Connections};
use std::sync::Arc;
use std::time::Duration;

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Counted by the harness from the outcomes, not taken from the component. What cannot be seen from outside
    /// ([`Summary::adopt_inner`]) is taken from the component's own summary, and zero if there is none ([`End::component_summary`]). With several
    /// workers, the peak of requests in flight is the sum of their peaks: there were never more.
    pub summary: Summary,
    /// Connections used so far by the senders that the batch used, by all batches.
    pub connections: Connections,
    /// What the batch has used.
    pub receipt: Receipt,
    /// How the batch ended.
    pub end: End,
}

/// How a batch ended. If several instances ran it, their summaries are added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The component finished it, with its own summary unless it violated the protocol.
    Finished(Option<Box<Summary>>),
    /// The reader cancelled it. Has the component's own summary, unless it did not stop in time ([`Limits::stall`](crate::Limits::stall)).
    Cancelled(Option<Box<Summary>>),
    /// The component trapped, exceeded a limit, or took too long. Has the reason as text.
    Broken(String),
}

/// What became of one instance, and the account that its unread bodies are still charged to.
pub(super) struct Finished {
    pub(super) tally: Tally,
    /// From when the reader first polled for an outcome.
    pub(super) elapsed: Duration,
    pub(super) input_ended: bool,
    pub(super) connections: Connections,
    pub(super) receipt: Receipt,
    pub(super) end: End,
    pub(super) account: Arc<Account>,
}

impl End {
    /// The component's own summary. Without it, what only the component can count is unknown.
    pub fn component_summary(&self) -> Option<&Summary> {
        match self {
            End::Finished(summary) | End::Cancelled(summary) => summary.as_deref(),
            End::Broken(_) => None,
        }
    }

    /// The end of a batch of two instances that ended so: the worse of them.
    fn and(self, other: End) -> End {
        match (self, other) {
            (End::Broken(reason), _) | (_, End::Broken(reason)) => End::Broken(reason),
            (End::Finished(one), End::Finished(other)) => End::Finished(sum(one, other)),
            (End::Cancelled(one), End::Finished(other) | End::Cancelled(other))
            | (End::Finished(one), End::Cancelled(other)) => End::Cancelled(sum(one, other)),
        }
    }
}

/// None if one of them did not say.
fn sum(one: Option<Box<Summary>>, other: Option<Box<Summary>>) -> Option<Box<Summary>> {
    let (mut sum, other) = (one?, other?);
    sum.add_inner(&other);
    Some(sum)
}

impl Finished {
    /// Together with another instance of the same batch.
    fn and(mut self, other: Finished) -> Finished {
        self.tally.add(other.tally);
        self.elapsed = self.elapsed.max(other.elapsed);
        self.input_ended &= other.input_ended;
        self.connections = self.connections.and(other.connections);
        self.receipt = self.receipt.and(other.receipt);
        self.end = self.end.and(other.end);
        self
    }
}

impl Report {
    /// Of all instances; none that could not be heard of.
    pub(super) fn of(finished: impl IntoIterator<Item = Option<Finished>>) -> Self {
        let charged = finished.into_iter().map(|finished| {
            let mut finished = finished?;
            finished.receipt.charge(&finished.account.usage());
            Some(finished)
        });
        match charged.reduce(|one, other| Some(one?.and(other?))).flatten() {
            Some(Finished { mut tally, elapsed, input_ended, connections, receipt, end, account: _ }) => {
                let mut summary = tally.close(elapsed, input_ended);
                if let Some(inner) = end.component_summary() {
                    summary.adopt_inner(inner);
                }
                Self { summary, connections, receipt, end }
            }
            None => Self::broken("the task that ran the batch ended early"),
        }
    }

    fn broken(reason: &str) -> Self {
        let end = End::Broken(reason.to_owned());
        Self { summary: Summary::default(), connections: Connections::default(), receipt: Receipt::default(), end }
    }
}
