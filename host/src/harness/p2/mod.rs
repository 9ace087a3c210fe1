//! Runs the component for WASI 0.2, which makes progress only while it is asked for outcomes.

mod bodies;
mod notifier;

use super::channels::{Channels, DidNotStop};
use super::input::Input;
use super::state::{ComponentOutcome, State};
use super::{Body, End, Outbox, PolicyRefused, Response};
use crate::bindings::p2::FantailPre;
use crate::bindings::p2::batch::{self as wit, Guest};
use crate::convert::p2 as convert;
pub(super) use bodies::Bodies;
use fantail_conversions::Convert;
use fantail_engine::{Policy, Summary};
use notifier::Notifier;
use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use wasmtime::Store;
use wasmtime::component::{Resource, ResourceAny};
use wasmtime_wasi::p2::DynPollable;

/// A batch of the component.
struct Batch<'a> {
    store: &'a mut Store<State>,
    guest: Guest,
    batch: ResourceAny,
    /// Makes the component return from waiting.
    notifier: Notifier,
    pollable: Resource<DynPollable>,
    /// Whether the component has room for more requests than the input had.
    wants_more: bool,
    finished: bool,
}

/// Runs the batch in the component, up to its summary.
pub(super) async fn run(
    component: &FantailPre<State>,
    store: &mut Store<State>,
    policy: &Policy,
    (input, bodies): (&mut Input, &mut Bodies),
    channels: Channels,
    cancelled: &CancellationToken,
) -> wasmtime::Result<End> {
    let Channels { demanded, outcomes, policy_result } = channels;
    let instance = component.instantiate_async(&mut *store).await?;
    let guest = instance.fantail_fetch_p2_batch().clone();
    let policy = convert::policy(&guest, &mut *store, policy).await?;
    let batch = match guest.batch().call_start(&mut *store, policy).await? {
        Ok(batch) => batch,
        Err(wit::PolicyError { field, reason }) => {
            let _ = policy_result.send(Err(PolicyRefused::by_component(&field, reason)));
            return Ok(End::Finished(None));
        }
    };
    let _ = policy_result.send(Ok(()));
    bodies.guest = Some(guest.clone());
    let mut batch = Batch::new(guest, batch, store)?;
    // Nothing is read before the reader first polls.
    tokio::select! {
        demanded = demanded => if demanded.is_err() {
            return batch.cancel().await.map(End::Finished);
        },
        () = cancelled.cancelled() => return batch.cancel().await.map(End::Cancelled),
    }
    batch.store.data_mut().start();
    while !cancelled.is_cancelled() {
        batch.push_all(input).await?;
        bodies.finish_ended(batch.store).await?;
        let Some(taken) = batch.next(input, bodies, &outcomes, cancelled).await? else {
            return batch.summary().await.map(End::Finished);
        };
        batch.send_outcomes(taken, bodies, &outcomes).await?;
        if outcomes.is_closed() {
            return batch.cancel().await.map(End::Finished);
        }
    }
    batch.stop(bodies, &outcomes).await.map(End::Cancelled)
}

impl<'a> Batch<'a> {
    fn new(guest: Guest, batch: ResourceAny, store: &'a mut Store<State>) -> wasmtime::Result<Self> {
        let notifier = Notifier::default();
        let pollable = notifier.pollable(store.data_mut().sandbox.table())?;
        Ok(Self { store, guest, batch, notifier, pollable, wants_more: false, finished: false })
    }

    /// Pushes requests to the component until it has no more room or the input has none ready.
    async fn push_all(&mut self, input: &mut Input) -> wasmtime::Result<()> {
        if self.finished {
            return Ok(());
        }
        while self.push_some(input).await? {}
        Ok(())
    }

    /// Pushes as many requests as may pass in one call. Returns whether there may be room for more.
    async fn push_some(&mut self, input: &mut Input) -> wasmtime::Result<bool> {
        let room = self.guest.batch().call_room(&mut *self.store, self.batch).await?;
        let handover = self.store.data_mut().take_from(input, room);
        self.wants_more = handover.wants_more;
        if !handover.requests.is_empty() {
            let mut requests = Vec::with_capacity(handover.requests.len());
            for (number, request) in handover.requests {
                requests.push(convert::request(&self.guest, self.store, number, request).await?);
            }
            // There is room, so it takes them. If it does not, they stay open in the ledger and get their outcomes at the end.
            let _ = self.guest.batch().call_push(&mut *self.store, self.batch, &requests).await?;
        }
        if handover.is_last {
            self.finished = true;
            self.guest.batch().call_finish(&mut *self.store, self.batch).await?;
        }
        Ok(handover.is_full && !handover.is_last)
    }

    /// Runs the component until it has outcomes that fit into the channel, or until the input, the reader or a body has something new, or
    /// the batch is cancelled. Returns none when the batch has ended.
    async fn next(
        &mut self,
        input: &mut Input,
        bodies: &mut Bodies,
        outcomes: &Outbox,
        cancelled: &CancellationToken,
    ) -> wasmtime::Result<Option<Vec<wit::Outcome>>> {
        let capacity = u32::try_from(outcomes.capacity()).unwrap_or(u32::MAX);
        let (mut wants_input, mut full, mut has_reader, mut ended) = (self.wants_more, capacity == 0, true, None);
        let (mut running, stall) = (true, self.stall());
        let notifier = self.notifier.clone();
        let pollable = Resource::new_borrow(self.pollable.rep());
        let taken = {
            let methods = self.guest.batch();
            let mut next = pin!(methods.call_next_or(&mut *self.store, self.batch, capacity, pollable));
            loop {
                tokio::select! {
                    taken = &mut next => break taken?,
                    () = poll_fn(|cx| input.poll_peek(cx)), if wants_input && !input.is_ended() => wants_input = false,
                    // The permit is released at once: the next outcome acquires it again.
                    _ = outcomes.reserve(), if full => full = false,
                    () = outcomes.closed(), if has_reader => has_reader = false,
                    () = cancelled.cancelled(), if running => running = false,
                    // The component was notified of the cancellation, but did not return.
                    () = sleep(stall), if !running => return Err(DidNotStop.into()),
                    Some(end) = bodies.ended(), if ended.is_none() => ended = Some(end),
                }
                notifier.notify();
            }
        };
        if let Some(ended) = ended {
            bodies.finish(self.store, ended).await?;
        }
        Ok(taken)
    }

    /// Stops the component, and takes its remaining outcomes. It has them all immediately, so this waits only for the reader.
    async fn stop(&mut self, bodies: &mut Bodies, outcomes: &Outbox) -> wasmtime::Result<Option<Box<Summary>>> {
        let (methods, stall) = (self.guest.clone(), self.stall());
        let methods = methods.batch();
        let stopped = timeout(stall, methods.call_stop(&mut *self.store, self.batch)).await;
        stopped.map_err(|_| DidNotStop)??;
        let mut woken = false;
        loop {
            // The permit is released at once: the next outcome acquires it again.
            if outcomes.reserve().await.is_err() {
                return self.cancel().await;
            }
            let capacity = u32::try_from(outcomes.capacity()).unwrap_or(u32::MAX);
            let pollable = Resource::new_borrow(self.pollable.rep());
            let next = methods.call_next_or(&mut *self.store, self.batch, capacity, pollable);
            match timeout(stall, next).await.map_err(|_| DidNotStop)?? {
                None => return self.summary().await,
                // The notifier may have been notified before the stop: that accounts for one empty list.
                Some(taken) if taken.is_empty() => {
                    if std::mem::replace(&mut woken, true) {
                        return Err(DidNotStop.into());
                    }
                }
                Some(taken) => self.send_outcomes(taken, bodies, outcomes).await?,
            }
        }
    }

    /// How long the component may take for what it should do immediately.
    fn stall(&self) -> Duration {
        self.store.data().sandbox.limits.stall
    }

    /// Passes outcomes on to the reader.
    async fn send_outcomes(
        &mut self,
        taken: Vec<wit::Outcome>,
        bodies: &mut Bodies,
        outcomes: &Outbox,
    ) -> wasmtime::Result<()> {
        for outcome in taken {
            if let Some(outcome) = self.accept(outcome, bodies).await? {
                // If the reader has been dropped, the caller finds out next.
                let _ = outcomes.send(outcome).await;
            }
        }
        Ok(())
    }

    /// Converts an outcome for the reader. Returns none if it belongs to no request.
    async fn accept(&mut self, outcome: wit::Outcome, bodies: &mut Bodies) -> wasmtime::Result<Option<super::Outcome>> {
        let wit::Outcome { id: number, url, attempts, hops, timing, last_attempt, result, facts: _ } = outcome;
        let known = self.store.data().ledger.contains(number);
        let result = match result {
            Ok(wit::Response { status, headers, body }) => {
                let body = match body {
                    wit::Body::Discarded => Body::Discarded,
                    wit::Body::Bytes(bytes) => Body::Bytes(bytes.into()),
                    wit::Body::Unread(body) if known => Body::Unread(bodies.open(self.store, body, status).await?),
                    wit::Body::Unread(body) => {
                        body.resource_drop_async(&mut *self.store).await?;
                        return Ok(None);
                    }
                };
                Ok(Response { status, headers, body })
            }
            Err(failure) => Err(failure.convert()),
        };
        let (timing, last_attempt) = (timing.convert(), last_attempt.convert());
        let received = ComponentOutcome { url, attempts, hops, timing, last_attempt, result };
        // Closed last, when nothing can fail any more.
        Ok(self.store.data_mut().close(number, received))
    }

    async fn summary(&mut self) -> wasmtime::Result<Option<Box<Summary>>> {
        let summary = self.guest.batch().call_summary(&mut *self.store, self.batch).await?;
        Ok(summary.map(|summary| Box::new(summary.convert())))
    }

    async fn cancel(&mut self) -> wasmtime::Result<Option<Box<Summary>>> {
        self.guest.batch().call_cancel(&mut *self.store, self.batch).await?;
        self.summary().await
    }
}

/// Waits until the unread bodies that were handed out have ended.
pub(super) async fn unread_bodies(bodies: &mut Bodies, store: &mut Store<State>) {
    if let Err(error) = bodies.finish_all(store).await {
        // Bodies that are interrupted report the reason.
        let _ = store.data().broken_reason.set(format!("{error:#}"));
    }
}
