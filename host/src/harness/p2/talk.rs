//! What is said to the component, call by call.

use super::bell::Bell;
use super::bodies::Bodies;
use crate::bindings::p2::batch::{self as wit, Guest};
use crate::convert::p2 as convert;
use crate::harness::feed::Feed;
use crate::harness::state::State;
use crate::harness::{Body, Outcome, Response};
use fantail_engine::Summary;
use futures::FutureExt;
use wasmtime::Store;
use wasmtime::component::{Resource, ResourceAny};
use wasmtime_wasi::p2::DynPollable;

/// A batch of the component.
pub(super) struct Talk<'a> {
    pub(super) store: &'a mut Store<State>,
    guest: Guest,
    batch: ResourceAny,
    pub(super) bell: Bell,
    rung: Resource<DynPollable>,
    /// Whether it has room for more than the input had.
    pub(super) is_hungry: bool,
    finished: bool,
}

impl<'a> Talk<'a> {
    pub(super) fn new(guest: Guest, batch: ResourceAny, store: &'a mut Store<State>) -> wasmtime::Result<Self> {
        let bell = Bell::default();
        let rung = bell.pollable(store.data_mut().sandbox.table())?;
        Ok(Self { store, guest, batch, bell, rung, is_hungry: false, finished: false })
    }

    /// Gives the component what the input has, as far as it has room; notes it in the ledger.
    pub(super) async fn hand_over(&mut self, feed: &mut Feed) -> wasmtime::Result<()> {
        if self.finished {
            return Ok(());
        }
        let room = self.guest.batch().call_room(&mut *self.store, self.batch).await? as usize;
        let state = self.store.data_mut();
        let limits = &state.sandbox.limits;
        let left = usize::try_from(limits.requests.saturating_sub(state.ledger.read())).unwrap_or(usize::MAX);
        let room = room.min(limits.handed_over.saturating_sub(state.ledger.len())).min(left);
        let mut requests = Vec::new();
        while requests.len() < room
            && let Some(Some(entry)) = feed.next().now_or_never()
        {
            state.tally.arrived();
            let (serial, request) = state.ledger.open(entry);
            requests.push(convert::request(serial, request));
        }
        self.is_hungry = requests.len() < room;
        if !requests.is_empty() {
            // What it does not accept although it has room, it does not answer: the ledger will tell.
            self.guest.batch().call_push(&mut *self.store, self.batch, &requests).await?;
        }
        if feed.is_ended() || left == requests.len() {
            self.finished = true;
            self.guest.batch().call_finish(&mut *self.store, self.batch).await?;
        }
        Ok(())
    }

    /// One outcome, if there is one: what may be passed to the host at once is limited, and one fits the limit. What belongs to no request is
    /// left out.
    pub(super) async fn next(&mut self, bodies: &mut Bodies) -> wasmtime::Result<Option<Outcome>> {
        loop {
            let outcome = self.guest.batch().call_next(&mut *self.store, self.batch, 1).await?.into_iter().next();
            let Some(wit::Outcome { id: serial, url, attempts, hops, timing, result }) = outcome else {
                return Ok(None);
            };
            let known = self.store.data().ledger.contains(serial);
            let result = match result {
                Ok(wit::Response { status, headers, body }) => {
                    let body = match body {
                        wit::Body::Discarded => Body::Discarded,
                        wit::Body::Bytes(bytes) => Body::Bytes(bytes.into()),
                        wit::Body::Unread(body) if known => Body::Unread(bodies.open(self.store, body, status).await?),
                        wit::Body::Unread(body) => {
                            body.resource_drop_async(&mut *self.store).await?;
                            continue;
                        }
                    };
                    Ok(Response { status, headers, body })
                }
                Err(failure) => Err(convert::failure(failure)),
            };
            let timing = convert::timing(timing);
            let state = self.store.data_mut();
            // Only now that nothing more can go wrong with it.
            if let Some(open) = state.ledger.close(serial) {
                return Ok(Some(state.close(open, Outcome { id: 0, url, attempts, hops, timing, result })));
            }
        }
    }

    /// Waits until the bell is rung, or the component has something new; or, if there is no `place` for that, only the former.
    pub(super) async fn wait(&mut self, place: bool) -> wasmtime::Result<()> {
        let rung = Resource::new_borrow(self.rung.rep());
        match place {
            true => self.guest.batch().call_wait(&mut *self.store, self.batch, Some(rung)).await,
            false => self.guest.batch().call_go_on(&mut *self.store, self.batch, rung).await,
        }
    }

    /// What became of the batch, if it is over.
    pub(super) async fn summary(&mut self) -> wasmtime::Result<Option<Summary>> {
        Ok(self.guest.batch().call_summary(&mut *self.store, self.batch).await?.map(convert::summary))
    }

    /// Cancels the batch: what becomes of it then.
    pub(super) async fn cancel(&mut self) -> wasmtime::Result<Option<Box<Summary>>> {
        self.guest.batch().call_cancel(&mut *self.store, self.batch).await?;
        Ok(self.summary().await?.map(Box::new))
    }
}
