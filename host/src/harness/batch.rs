//! One instance that runs a batch, or a part of it, in its own store, dropped at the end.

use super::channels::{Channels, DidNotStop};
use super::input::Input;
use super::ledger::not_handed_over;
use super::reasons::reason;
use super::receipt::Receipt;
use super::report::{End, Finished};
use super::state::State;
use super::workers::Worker;
use super::{Component, Outbox, Outcome, p2, p3};
use crate::sandbox::watch;
use fantail_engine::{Cause, Phase, Policy};
use futures::channel::oneshot;
use futures::future::join;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::debug;
use wasmtime::Store;

/// A batch that is ready to run.
pub(super) struct Batch {
    pub(super) component: Component,
    pub(super) policy: Policy,
    pub(super) state: State,
    pub(super) input: Input,
    pub(super) channels: Channels,
    /// Cancelled when the reader cancels the batch.
    pub(super) cancelled: CancellationToken,
    /// Receives the report of the batch.
    pub(super) report: oneshot::Sender<Finished>,
    /// Released after the store is dropped.
    pub(super) permit: Option<Arc<OwnedSemaphorePermit>>,
    /// Kept running until the batch has ended, even if the harness is dropped before.
    pub(super) workers: Arc<Vec<Worker>>,
}

impl Batch {
    /// Runs the batch to its end. Every request that is read from the input gets one outcome, whatever the component does.
    pub(super) async fn run(self) {
        // Declared first, so that the permit is dropped last.
        let Batch {
            permit: _permit,
            workers: _workers,
            component,
            policy,
            state,
            mut input,
            channels,
            cancelled,
            report,
        } = self;
        let outcomes = channels.outcomes.clone();
        let (wall, busy, started) = (state.sandbox.limits.wall, state.sandbox.busy.clone(), Instant::now());
        let mut store = Store::new(component.engine(), state);
        watch(&mut store);
        let (alive, bodies_done) = mpsc::channel(1);
        store.data_mut().alive = Some(alive);
        let mut bodies = p2::Bodies::default();
        let running = async {
            match &component {
                Component::P2(component) => {
                    p2::run(component, &mut store, &policy, (&mut input, &mut bodies), channels, &cancelled).await
                }
                Component::P3(component) => {
                    p3::run(component, &mut store, &policy, &mut input, channels, &cancelled).await
                }
            }
        };
        let end = tokio::select! {
            result = busy.timed(running) => match result {
                Ok(end) => end,
                Err(error) if error.is::<DidNotStop>() => End::Cancelled(None),
                Err(error) => End::Broken(reason(&error)),
            },
            () = tokio::time::sleep(wall) => End::Broken(format!("the batch took longer than {wall:?}")),
        };
        input.leave();
        if let End::Broken(reason) = &end {
            // Unread bodies that are interrupted report the reason.
            let _ = store.data().broken_reason.set(reason.clone());
        }
        // The component has given every outcome, and its unread bodies still need the instance.
        let complete = store.data().ledger.len() == 0 || outcomes.is_closed();
        if matches!(end, End::Finished(_)) && complete {
            let rest = close_open(store.data_mut(), &mut input, &end, &outcomes);
            send_report(store.data_mut(), &input, end, started, report);
            let bodies = async {
                match component {
                    Component::P2(_) => p2::unread_bodies(&mut bodies, &mut store).await,
                    Component::P3(_) => p3::unread_bodies(&mut store, bodies_done).await,
                }
            };
            let bodies = async {
                tokio::select! {
                    _ = tokio::time::timeout(wall, bodies) => {}
                    () = cancelled.cancelled() => {}
                }
            };
            // Beside each other: the reader may take the last outcome only after it has read a body.
            join(send_all(rest, outcomes), bodies).await;
        } else {
            // The bodies are dropped first: a reader that waits for the end of one would never get to the outcomes that follow.
            drop(bodies);
            let mut state = store.into_data();
            let rest = close_open(&mut state, &mut input, &end, &outcomes);
            send_all(rest, outcomes.clone()).await;
            if let End::Broken(reason) = &end {
                close_unread(&mut state, &mut input, reason, outcomes, &cancelled).await;
            }
            send_report(&mut state, &input, end, started, report);
        }
    }
}

/// The outcomes of requests that have none: those that were handed to the component, and one that was read for it and that it never took.
fn close_open(state: &mut State, input: &mut Input, end: &End, outcomes: &Outbox) -> Vec<Outcome> {
    let (cause, detail) = match end {
        End::Cancelled(_) => {
            (Cause::Cancelled, "the batch was cancelled, and the component did not say how far this had come")
        }
        End::Broken(reason) => (Cause::InternalError, reason.as_str()),
        End::Finished(_) if outcomes.is_closed() => (Cause::Cancelled, "nobody read the outcomes any more"),
        End::Finished(_) => (Cause::InternalError, "the component gave no outcome"),
    };
    let open = state.ledger.close_all();
    let mut rest: Vec<Outcome> = open.into_iter().map(|open| open.without_answer(cause, detail)).collect();
    if let Some(entry) = input.take_peeked() {
        let stopped = "the batch had stopped before this request was started";
        let (why, detail) = match end {
            End::Finished(_) | End::Cancelled(_) => ((Cause::Cancelled, Phase::Queue), stopped),
            End::Broken(reason) => ((Cause::InternalError, Phase::Guest), reason.as_str()),
        };
        state.tally.arrived();
        rest.push(not_handed_over(entry, why, detail));
    }
    // Also those that nobody reads any more.
    rest.iter().for_each(|outcome| state.tally.finished(outcome, None));
    rest
}

async fn send_all(rest: Vec<Outcome>, outcomes: Outbox) {
    for outcome in rest {
        let _ = outcomes.send(outcome).await;
    }
}

/// Makes an outcome for everything that remains in the input of a component that broke down.
async fn close_unread(
    state: &mut State,
    input: &mut Input,
    reason: &str,
    outcomes: Outbox,
    cancelled: &CancellationToken,
) {
    while !input.is_ended() {
        let entry = tokio::select! {
            entry = input.next() => entry,
            () = outcomes.closed() => return,
            () = cancelled.cancelled() => return,
        };
        let Some(entry) = entry else { return };
        state.tally.arrived();
        let outcome = not_handed_over(entry, (Cause::InternalError, Phase::Guest), reason);
        state.tally.finished(&outcome, None);
        let _ = outcomes.send(outcome).await;
    }
}

fn send_report(state: &mut State, input: &Input, end: End, started: Instant, report: oneshot::Sender<Finished>) {
    let receipt = Receipt::of(&state.sandbox, started.elapsed());
    let finished = matches!(end, End::Finished(_));
    debug!(finished, received = receipt.received, sent = receipt.sent, opened = receipt.opened, "over");
    let finished = Finished {
        tally: std::mem::take(&mut state.tally),
        elapsed: state.started.map_or(Duration::ZERO, |started| started.elapsed()),
        input_ended: input.is_ended(),
        connections: state.sandbox.sender().connections(),
        receipt,
        end,
        account: state.sandbox.account(),
    };
    // The receiver may have been dropped.
    let _ = report.send(finished);
}
