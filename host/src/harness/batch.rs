//! One batch: one instance of the component in a store of its own, thrown away at the end.

use super::future::receive;
use super::input::Input;
use super::ledger::never_handed_over;
use super::output::Output;
use super::receipt::Receipt;
use super::state::State;
use super::{End, Outcome, Report};
use crate::bindings::{Fantail, FantailPre, batch as wit};
use crate::convert;
use crate::sandbox::watch;
use fantail_engine::{Cause, Policy, Summary};
use futures::StreamExt;
use futures::channel::oneshot;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_util::sync::PollSender;
use tracing::debug;
use wasmtime::Store;
use wasmtime::component::StreamReader;

/// What a batch runs with.
pub(super) struct Batch {
    pub(super) component: FantailPre<State>,
    pub(super) policy: Policy,
    pub(super) state: State,
    /// Resolves when the reader asks for its first outcome.
    pub(super) asked: oneshot::Receiver<()>,
    /// Resolves when the reader gives up.
    pub(super) cancelled: oneshot::Receiver<()>,
    pub(super) outcomes: mpsc::Sender<Outcome>,
    /// Told what the component says of the policy.
    pub(super) accepted: oneshot::Sender<Result<(), wit::PolicyError>>,
    /// Told what became of the batch.
    pub(super) report: oneshot::Sender<Report>,
    /// Given back when the store is gone.
    pub(super) place: Option<OwnedSemaphorePermit>,
}

impl Batch {
    /// Runs the batch to its end. Every request read from the input gets one outcome, whatever the component does.
    pub(super) async fn run(self) {
        // What is declared first is dropped last.
        let Batch { place: _place, component, policy, state, asked, mut cancelled, outcomes, accepted, report } = self;
        let (wall, busy, begun) = (state.sandbox.limits.wall, state.sandbox.busy.clone(), Instant::now());
        let mut store = Store::new(component.engine(), state);
        watch(&mut store);
        let (alive, mut last_gone) = mpsc::channel(1);
        store.data_mut().alive = Some(alive);
        let output = Output { asked: Some(asked), outcomes: PollSender::new(outcomes.clone()) };
        let end = tokio::select! {
            result = busy.timed(converse(&component, &mut store, &policy, output, accepted)) => match result {
                Ok(summary) => End::Finished(summary),
                Err(error) => End::Broken(format!("{error:#}")),
            },
            () = tokio::time::sleep(wall) => End::Broken(format!("the batch took longer than {wall:?}")),
            _ = &mut cancelled => End::Cancelled,
        };
        if let End::Broken(reason) = &end {
            // Set once, here: unread bodies that are cut off say why.
            let _ = store.data().broken.set(reason.clone());
        }
        settle(&mut store, &end, outcomes, cancelled).await;
        let receipt = Receipt::of(&store.data().sandbox, begun.elapsed());
        let finished = matches!(end, End::Finished(_));
        debug!(finished, received = receipt.received, sent = receipt.sent, opened = receipt.opened, "over");
        // Nobody has to be interested.
        let _ = report.send(summed_up(&mut store, end, receipt));
        if finished {
            // Unread bodies that were handed out still pass through the store.
            store.data_mut().alive = None;
            let bodies = store.run_concurrent(async |_| last_gone.recv().await);
            let _ = tokio::time::timeout(wall, bodies).await;
        }
    }
}

/// Hands the batch over to the component and waits for its summary.
async fn converse(
    component: &FantailPre<State>,
    store: &mut Store<State>,
    policy: &Policy,
    output: Output,
    accepted: oneshot::Sender<Result<(), wit::PolicyError>>,
) -> wasmtime::Result<Option<Box<Summary>>> {
    let instance: Fantail = component.instantiate_async(&mut *store).await?;
    let policy = convert::policy(policy);
    let conversation = store.run_concurrent(async move |accessor| -> wasmtime::Result<_> {
        let requests = accessor.with(|mut store| StreamReader::new(&mut store, Input))?;
        let (outcomes, summary) = match instance.fantail_fetch_batch().call_fetch(accessor, requests, policy).await? {
            Ok(started) => started,
            Err(refused) => {
                let _ = accepted.send(Err(refused));
                return Ok(None);
            }
        };
        let _ = accepted.send(Ok(()));
        let done = accessor.with(|mut store| -> wasmtime::Result<_> {
            outcomes.pipe(&mut store, output)?;
            receive(&mut store, summary)
        })?;
        Ok(done.await.ok().map(convert::summary).map(Box::new))
    });
    conversation.await?
}

/// Gives an outcome to every request that has none: those that the component was handed, and if it broke down also those
/// that it had not come to. What nobody reads any more is counted all the same.
async fn settle(
    store: &mut Store<State>,
    end: &End,
    outcomes: mpsc::Sender<Outcome>,
    mut cancelled: oneshot::Receiver<()>,
) {
    let (cause, detail) = match end {
        End::Cancelled => (Cause::Cancelled, "the batch was cancelled"),
        End::Broken(reason) => (Cause::InternalError, reason.as_str()),
        End::Finished(_) if outcomes.is_closed() => (Cause::Cancelled, "nobody read the outcomes any more"),
        End::Finished(_) => (Cause::InternalError, "the component gave no outcome"),
    };
    let state = store.data_mut();
    for open in state.ledger.close_all() {
        let outcome = open.unanswered(cause, detail);
        state.tally.finished(&outcome, None);
        let _ = outcomes.send(outcome).await;
    }
    while matches!(end, End::Broken(_)) && !state.input_ended {
        let entry = tokio::select! {
            entry = state.input.next() => entry,
            () = outcomes.closed() => return,
            // Once it has been cancelled there is nothing more to hear from this one.
            _ = &mut cancelled => return,
        };
        let Some(entry) = entry else {
            state.input_ended = true;
            return;
        };
        state.tally.arrived();
        let outcome = never_handed_over(entry, detail);
        state.tally.finished(&outcome, None);
        let _ = outcomes.send(outcome).await;
    }
}

fn summed_up(store: &mut Store<State>, end: End, receipt: Receipt) -> Report {
    let state = store.data_mut();
    let elapsed = state.begun.map_or(Duration::ZERO, |begun| begun.elapsed());
    let mut summary = state.tally.close(elapsed, state.input_ended);
    if let End::Finished(Some(own)) = &end {
        summary.adopt_inner(own);
    }
    Report { summary, connections: state.sandbox.sender().connections(), receipt, end }
}
