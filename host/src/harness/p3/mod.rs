//! Runs the component for WASI 0.3, which makes progress on its own: requests are pushed and outcomes taken concurrently.

mod body;
mod future;

use super::channels::{Channels, DidNotStop};
use super::input::Input;
use super::state::{ComponentOutcome, State};
use super::{Body, End, Outbox, Outcome, PolicyRefused, Response};
use crate::bindings::p3::FantailPre;
use crate::bindings::p3::batch::{self as wit, Guest};
use crate::convert::p3 as convert;
use body::unread;
use fantail_conversions::Convert;
use fantail_engine::{Cause, Policy, Summary};
use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use wasmtime::component::{Accessor, ResourceAny};
use wasmtime::{Error, Store};

/// A batch of the component.
struct Batch<'a> {
    store: &'a Accessor<State>,
    guest: &'a Guest,
    batch: ResourceAny,
}

/// Runs the batch in the component, up to its summary.
pub(super) async fn run(
    component: &FantailPre<State>,
    store: &mut Store<State>,
    policy: &Policy,
    input: &mut Input,
    channels: Channels,
    cancelled: &CancellationToken,
) -> wasmtime::Result<End> {
    let Channels { demanded, outcomes, policy_result } = channels;
    let instance = component.instantiate_async(&mut *store).await?;
    let result = store.run_concurrent(async move |store| -> wasmtime::Result<_> {
        let guest = instance.fantail_fetch_batch();
        let policy = convert::policy(guest, store, policy).await?;
        let batch = match guest.batch().call_start(store, policy).await? {
            Ok(batch) => Batch { store, guest, batch },
            Err(wit::PolicyError { field, reason }) => {
                let _ = policy_result.send(Err(PolicyRefused::by_component(&field, reason)));
                return Ok(End::Finished(None));
            }
        };
        let _ = policy_result.send(Ok(()));
        // The batch is kept open explicitly: requests may be pushed while no other call is in progress.
        guest.batch().call_keep_open(store, batch.batch).await?;
        // Nothing is read before the reader first polls.
        tokio::select! {
            demanded = demanded => if demanded.is_err() {
                batch.cancel().await?;
                return batch.summary().await.map(End::Finished);
            },
            () = cancelled.cancelled() => {
                batch.cancel().await?;
                return batch.summary().await.map(End::Cancelled);
            }
        }
        store.with(|mut store| store.data_mut().start());
        let mut feeding = pin!(batch.feed(input, &outcomes));
        let mut taking = pin!(batch.take(&outcomes, cancelled));
        let stopped = tokio::select! {
            stopped = &mut taking => stopped?,
            fed = &mut feeding => {
                fed?;
                taking.await?
            }
        };
        batch.summary().await.map(if stopped { End::Cancelled } else { End::Finished })
    });
    result.await?
}

impl Batch<'_> {
    /// Pushes the input to the component, as far as it has room.
    async fn feed(&self, input: &mut Input, outcomes: &Outbox) -> wasmtime::Result<()> {
        loop {
            let room = self.guest.batch().call_room(self.store, self.batch).await?;
            if room == 0 {
                return Ok(());
            }
            poll_fn(|cx| input.poll_peek(cx)).await;
            let handover = self.store.with(|mut store| store.data_mut().take_from(input, room));
            if handover.requests.is_empty() && !handover.is_last {
                // It keeps reporting room without giving an outcome.
                return Err(Error::msg("the component takes more requests than it may hold"));
            }
            let numbers: Vec<u32> = handover.requests.iter().map(|(number, _)| *number).collect();
            let mut requests = Vec::with_capacity(numbers.len());
            for (number, request) in handover.requests {
                requests.push(convert::request(self.guest, self.store, number, request).await?);
            }
            if !requests.is_empty() && self.guest.batch().call_push(self.store, self.batch, requests).await?.is_err() {
                self.refused(numbers, outcomes).await;
                return Ok(());
            }
            if handover.is_last {
                return self.guest.batch().call_finish(self.store, self.batch).await;
            }
        }
    }

    /// Makes outcomes for requests that the component refused because the batch had stopped.
    async fn refused(&self, numbers: Vec<u32>, outcomes: &Outbox) {
        for number in numbers {
            let outcome: Option<Outcome> = self.store.with(|mut store| {
                store.data_mut().not_taken(
                    number,
                    Cause::Cancelled,
                    "the batch had stopped before this request was started",
                )
            });
            if let Some(outcome) = outcome {
                let _ = outcomes.send(outcome).await;
            }
        }
    }

    /// Takes outcomes, as fast as the reader reads them, to the end. Returns whether the batch was stopped because the reader cancelled it.
    async fn take(&self, outcomes: &Outbox, cancelled: &CancellationToken) -> wasmtime::Result<bool> {
        let stall = self.store.with(|mut store| store.data_mut().sandbox.limits.stall);
        let mut stopped = false;
        loop {
            let reader_dropped = tokio::select! {
                // The permit is released at once: the outcome acquires it again.
                permit = outcomes.reserve() => permit.is_err(),
                () = cancelled.cancelled(), if !stopped => {
                    stopped = true;
                    self.stop(stall).await?;
                    continue;
                }
            };
            if reader_dropped {
                self.cancel().await?;
                return Ok(stopped);
            }
            let capacity = u32::try_from(outcomes.capacity()).unwrap_or(u32::MAX);
            let Some(taken) = self.next(capacity, outcomes, cancelled, &mut stopped, stall).await? else {
                return Ok(stopped);
            };
            for outcome in taken {
                if let Some(outcome) = self.accept(outcome)? {
                    // If the reader has been dropped, the next turn finds out.
                    let _ = outcomes.send(outcome).await;
                }
            }
        }
    }

    /// Waits for outcomes. Once the batch has stopped they are all available, so that it waits no longer than `stall`.
    async fn next(
        &self,
        capacity: u32,
        outcomes: &Outbox,
        cancelled: &CancellationToken,
        stopped: &mut bool,
        stall: Duration,
    ) -> wasmtime::Result<Option<Vec<wit::Outcome>>> {
        let methods = self.guest.batch();
        let mut next = pin!(methods.call_next(self.store, self.batch, capacity));
        loop {
            tokio::select! {
                taken = &mut next => return taken,
                () = outcomes.closed() => {
                    methods.call_cancel(self.store, self.batch).await?;
                    return next.await;
                }
                () = cancelled.cancelled(), if !*stopped => {
                    *stopped = true;
                    self.stop(stall).await?;
                }
                () = sleep(stall), if *stopped => return Err(DidNotStop.into()),
            }
        }
    }

    /// Stops the batch: every request that was pushed gets its outcome now.
    async fn stop(&self, stall: Duration) -> wasmtime::Result<()> {
        let methods = self.guest.batch();
        tokio::select! {
            stopped = methods.call_stop(self.store, self.batch) => stopped,
            () = sleep(stall) => Err(DidNotStop.into()),
        }
    }

    /// Cancels the batch, and waits until it has ended.
    async fn cancel(&self) -> wasmtime::Result<()> {
        self.guest.batch().call_cancel(self.store, self.batch).await?;
        self.guest.batch().call_next(self.store, self.batch, 1).await.map(drop)
    }

    async fn summary(&self) -> wasmtime::Result<Option<Box<Summary>>> {
        let summary = self.guest.batch().call_summary(self.store, self.batch).await?;
        Ok(summary.map(|summary| Box::new(summary.convert())))
    }

    /// Converts an outcome for the reader. Returns none if it belongs to no request.
    fn accept(&self, outcome: wit::Outcome) -> wasmtime::Result<Option<Outcome>> {
        self.store.with(|mut store| {
            let wit::Outcome { id: number, url, attempts, hops, timing, last_attempt, result, facts: _ } = outcome;
            if !store.data_mut().ledger.contains(number) {
                return Ok(None);
            }
            let result = match result {
                Ok(wit::Response { status, headers, body }) => {
                    let body = match body {
                        wit::Body::Discarded => Body::Discarded,
                        wit::Body::Bytes(bytes) => Body::Bytes(bytes.into()),
                        wit::Body::Unread((bytes, end)) => Body::Unread(unread(&mut store, bytes, end, status)?),
                    };
                    Ok(Response { status, headers, body })
                }
                Err(failure) => Err(failure.convert()),
            };
            let (timing, last_attempt) = (timing.convert(), last_attempt.convert());
            let received = ComponentOutcome { url, attempts, hops, timing, last_attempt, result };
            // Closed last, when nothing can fail any more.
            Ok(store.data_mut().close(number, received))
        })
    }
}

/// Waits until the unread bodies that were handed out have ended.
pub(super) async fn unread_bodies(store: &mut Store<State>, mut bodies_done: mpsc::Receiver<()>) {
    // They pass through the store.
    store.data_mut().alive = None;
    let _ = store.run_concurrent(async |_| bodies_done.recv().await).await;
}
