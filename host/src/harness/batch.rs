//! One batch: one instance of the component in a store of its own, thrown away at the end.

use super::channels::{Channels, DidNotStop};
use super::input::Input;
use super::ledger::never_handed_over;
use super::reasons::reason;
use super::receipt::Receipt;
use super::state::State;
use super::{Component, End, Outbox, Report, p2, p3};
use crate::sandbox::watch;
use fantail_engine::{Cause, Policy};
use fantail_sender::Account;
use futures::channel::oneshot;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::debug;
use wasmtime::Store;

/// What a batch runs with.
pub(super) struct Batch {
    pub(super) component: Component,
    pub(super) policy: Policy,
    pub(super) state: State,
    pub(super) input: Input,
    pub(super) channels: Channels,
    /// The reader gives up.
    pub(super) cancelled: CancellationToken,
    /// Told what became of the batch.
    pub(super) report: oneshot::Sender<Finished>,
    /// Given back when the store is gone.
    pub(super) place: Option<OwnedSemaphorePermit>,
}

/// What became of a batch, and what is still charged to it.
pub(super) type Finished = (Report, Arc<Account>);

impl Batch {
    /// Runs the batch to its end. Every request read from the input gets one outcome, whatever the component does.
    pub(super) async fn run(self) {
        // What is declared first is dropped last.
        let Batch { place: _place, component, policy, state, mut input, channels, cancelled, report } = self;
        let outcomes = channels.outcomes.clone();
        let (wall, busy, begun) = (state.sandbox.limits.wall, state.sandbox.busy.clone(), Instant::now());
        let mut store = Store::new(component.engine(), state);
        watch(&mut store);
        let (alive, last_gone) = mpsc::channel(1);
        store.data_mut().alive = Some(alive);
        let mut bodies = p2::Bodies::default();
        let conversation = async {
            match &component {
                Component::P2(component) => {
                    p2::converse(component, &mut store, &policy, (&mut input, &mut bodies), channels, &cancelled).await
                }
                Component::P3(component) => {
                    p3::converse(component, &mut store, &policy, &mut input, channels, &cancelled).await
                }
            }
        };
        let end = tokio::select! {
            result = busy.timed(conversation) => match result {
                Ok(end) => end,
                Err(error) if error.is::<DidNotStop>() => End::Cancelled(None),
                Err(error) => End::Broken(reason(&error)),
            },
            () = tokio::time::sleep(wall) => End::Broken(format!("the batch took longer than {wall:?}")),
        };
        if let End::Broken(reason) = &end {
            // Unread bodies that are cut off say why.
            let _ = store.data().broken.set(reason.clone());
        }
        // A component that has kept its word: unread bodies that it has handed out still need it, and nothing waits for the reader.
        let kept = store.data().ledger.len() == 0 || outcomes.is_closed();
        if matches!(end, End::Finished(_)) && kept {
            settle(store.data_mut(), &mut input, &end, outcomes, &cancelled).await;
            sum_up(store.data_mut(), &input, end, begun, report);
            let bodies = async {
                match component {
                    Component::P2(_) => p2::unread_bodies(&mut bodies, &mut store).await,
                    Component::P3(_) => p3::unread_bodies(&mut store, last_gone).await,
                }
            };
            tokio::select! {
                _ = tokio::time::timeout(wall, bodies) => {}
                () = cancelled.cancelled() => {}
            }
        } else {
            // The bodies first: a reader that waits for the end of one would never come to the outcomes that follow.
            drop(bodies);
            let mut state = store.into_data();
            settle(&mut state, &mut input, &end, outcomes, &cancelled).await;
            sum_up(&mut state, &input, end, begun, report);
        }
    }
}

/// Gives an outcome to every request that has none: those that the component was handed, and if it broke down also those
/// that it had not come to. What nobody reads any more is counted all the same.
async fn settle(state: &mut State, input: &mut Input, end: &End, outcomes: Outbox, cancelled: &CancellationToken) {
    let (cause, detail) = match end {
        End::Cancelled(_) => {
            (Cause::Cancelled, "the batch was cancelled, and the component did not say how far this had come")
        }
        End::Broken(reason) => (Cause::InternalError, reason.as_str()),
        End::Finished(_) if outcomes.is_closed() => (Cause::Cancelled, "nobody read the outcomes any more"),
        End::Finished(_) => (Cause::InternalError, "the component gave no outcome"),
    };
    for open in state.ledger.close_all() {
        let outcome = open.unanswered(cause, detail);
        state.tally.finished(&outcome, None);
        let _ = outcomes.send(outcome).await;
    }
    while matches!(end, End::Broken(_)) && !input.is_ended() {
        let entry = tokio::select! {
            entry = input.next() => entry,
            () = outcomes.closed() => return,
            () = cancelled.cancelled() => return,
        };
        let Some(entry) = entry else { return };
        state.tally.arrived();
        let outcome = never_handed_over(entry, detail);
        state.tally.finished(&outcome, None);
        let _ = outcomes.send(outcome).await;
    }
}

fn sum_up(state: &mut State, input: &Input, end: End, begun: Instant, report: oneshot::Sender<Finished>) {
    let receipt = Receipt::of(&state.sandbox, begun.elapsed());
    let finished = matches!(end, End::Finished(_));
    debug!(finished, received = receipt.received, sent = receipt.sent, opened = receipt.opened, "over");
    let elapsed = state.begun.map_or(Duration::ZERO, |begun| begun.elapsed());
    let mut summary = state.tally.close(elapsed, input.is_ended());
    if let Some(own) = end.own() {
        summary.adopt_inner(own);
    }
    let connections = state.sandbox.sender().connections();
    // Nobody has to be interested.
    let _ = report.send((Report { summary, connections, receipt, end }, state.sandbox.account()));
}
