//! The component for WASI 0.2, which goes on only while it is asked for outcomes.

mod bodies;
mod notifier;

use super::channels::{Channels, DidNotStop};
use super::input::Input;
use super::state::{Answered, State};
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
    /// Brings the component back while it waits.
    notifier: Notifier,
    notified: Resource<DynPollable>,
    /// Whether it has room for more than the input had.
    is_hungry: bool,
    finished: bool,
}

/// Hands the batch over to the component and waits for its summary.
pub(super) async fn converse(
    component: &FantailPre<State>,
    store: &mut Store<State>,
    policy: &Policy,
    (input, bodies): (&mut Input, &mut Bodies),
    channels: Channels,
    cancelled: &CancellationToken,
) -> wasmtime::Result<End> {
    let Channels { asked, outcomes, accepted } = channels;
    let instance = component.instantiate_async(&mut *store).await?;
    let guest = instance.fantail_fetch_p2_batch().clone();
    let policy = convert::policy(&guest, &mut *store, policy).await?;
    let batch = match guest.batch().call_start(&mut *store, policy).await? {
        Ok(batch) => batch,
        Err(wit::PolicyError { field, reason }) => {
            let _ = accepted.send(Err(PolicyRefused::by_component(&field, reason)));
            return Ok(End::Finished(None));
        }
    };
    let _ = accepted.send(Ok(()));
    bodies.guest = Some(guest.clone());
    let mut batch = Batch::new(guest, batch, store)?;
    // Nothing is read before the reader has asked.
    tokio::select! {
        asked = asked => if asked.is_err() {
            return batch.cancel().await.map(End::Finished);
        },
        () = cancelled.cancelled() => return batch.cancel().await.map(End::Cancelled),
    }
    batch.store.data_mut().begin();
    while !cancelled.is_cancelled() {
        batch.hand_over(input).await?;
        bodies.finish_ended(batch.store).await?;
        let Some(taken) = batch.next(input, bodies, &outcomes, cancelled).await? else {
            return batch.summary().await.map(End::Finished);
        };
        batch.give(taken, bodies, &outcomes).await?;
        if outcomes.is_closed() {
            return batch.cancel().await.map(End::Finished);
        }
    }
    batch.stop(bodies, &outcomes).await.map(End::Cancelled)
}

impl<'a> Batch<'a> {
    fn new(guest: Guest, batch: ResourceAny, store: &'a mut Store<State>) -> wasmtime::Result<Self> {
        let notifier = Notifier::default();
        let notified = notifier.pollable(store.data_mut().sandbox.table())?;
        Ok(Self { store, guest, batch, notifier, notified, is_hungry: false, finished: false })
    }

    /// Gives the component what the input has, as far as it has room.
    async fn hand_over(&mut self, input: &mut Input) -> wasmtime::Result<()> {
        if self.finished {
            return Ok(());
        }
        while self.hand_over_some(input).await? {}
        Ok(())
    }

    /// The same, as many as may pass at once. True if there may be room for more.
    async fn hand_over_some(&mut self, input: &mut Input) -> wasmtime::Result<bool> {
        let room = self.guest.batch().call_room(&mut *self.store, self.batch).await?;
        let given = self.store.data_mut().take_from(input, room);
        self.is_hungry = given.is_hungry;
        if !given.requests.is_empty() {
            let mut requests = Vec::with_capacity(given.requests.len());
            for (number, request) in given.requests {
                requests.push(convert::request(&self.guest, self.store, number, request).await?);
            }
            // There is room, so it takes them. What it does not, it does not answer: the ledger will tell.
            let _ = self.guest.batch().call_push(&mut *self.store, self.batch, &requests).await?;
        }
        if given.is_last {
            self.finished = true;
            self.guest.batch().call_finish(&mut *self.store, self.batch).await?;
        }
        Ok(given.is_full && !given.is_last)
    }

    /// Lets the component go on until it has outcomes for which there is a place, or until the input, the reader or a body has something new,
    /// or the batch is cancelled. None when it is over.
    async fn next(
        &mut self,
        input: &mut Input,
        bodies: &mut Bodies,
        outcomes: &Outbox,
        cancelled: &CancellationToken,
    ) -> wasmtime::Result<Option<Vec<wit::Outcome>>> {
        let places = u32::try_from(outcomes.capacity()).unwrap_or(u32::MAX);
        let (mut hungry, mut full, mut here, mut ended) = (self.is_hungry, places == 0, true, None);
        let (mut goes_on, patience) = (true, self.patience());
        let notifier = self.notifier.clone();
        let notified = Resource::new_borrow(self.notified.rep());
        let taken = {
            let methods = self.guest.batch();
            let mut next = pin!(methods.call_next_or(&mut *self.store, self.batch, places, notified));
            loop {
                tokio::select! {
                    taken = &mut next => break taken?,
                    () = poll_fn(|cx| input.poll_ahead(cx)), if hungry && !input.is_ended() => hungry = false,
                    // Given back at once: it is taken again with the next outcome.
                    _ = outcomes.reserve(), if full => full = false,
                    () = outcomes.closed(), if here => here = false,
                    () = cancelled.cancelled(), if goes_on => goes_on = false,
                    // The notifier was notified for it, and it did not come.
                    () = sleep(patience), if !goes_on => return Err(DidNotStop.into()),
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

    /// Has the component stop, and takes every outcome that it has not given yet. It has them all at once: what is waited for here is the reader.
    async fn stop(&mut self, bodies: &mut Bodies, outcomes: &Outbox) -> wasmtime::Result<Option<Box<Summary>>> {
        let (methods, patience) = (self.guest.clone(), self.patience());
        let methods = methods.batch();
        let stopped = timeout(patience, methods.call_stop(&mut *self.store, self.batch)).await;
        stopped.map_err(|_| DidNotStop)??;
        let mut woken = false;
        loop {
            // Given back at once: it is taken again with the next outcome.
            if outcomes.reserve().await.is_err() {
                return self.cancel().await;
            }
            let places = u32::try_from(outcomes.capacity()).unwrap_or(u32::MAX);
            let notified = Resource::new_borrow(self.notified.rep());
            let next = methods.call_next_or(&mut *self.store, self.batch, places, notified);
            match timeout(patience, next).await.map_err(|_| DidNotStop)?? {
                None => return self.summary().await,
                // The notifier may have been notified once before the stop.
                Some(taken) if taken.is_empty() => {
                    if std::mem::replace(&mut woken, true) {
                        return Err(DidNotStop.into());
                    }
                }
                Some(taken) => self.give(taken, bodies, outcomes).await?,
            }
        }
    }

    /// How long the component may take for what it should do at once.
    fn patience(&self) -> Duration {
        self.store.data().sandbox.limits.stall
    }

    /// Passes outcomes on to the reader.
    async fn give(&mut self, taken: Vec<wit::Outcome>, bodies: &mut Bodies, outcomes: &Outbox) -> wasmtime::Result<()> {
        for outcome in taken {
            if let Some(outcome) = self.accept(outcome, bodies).await? {
                // If the reader has left, the next look finds out.
                let _ = outcomes.send(outcome).await;
            }
        }
        Ok(())
    }

    /// The outcome as the reader gets it; none if it belongs to no request.
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
        let answered = Answered { url, attempts, hops, timing, last_attempt, result };
        // Only now that nothing more can go wrong with it.
        Ok(self.store.data_mut().close(number, answered))
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

/// Sees the unread bodies that were handed out to their end.
pub(super) async fn unread_bodies(bodies: &mut Bodies, store: &mut Store<State>) {
    if let Err(error) = bodies.finish_all(store).await {
        // What is cut off says why.
        let _ = store.data().broken.set(format!("{error:#}"));
    }
}
