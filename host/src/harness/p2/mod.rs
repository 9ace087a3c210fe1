//! The component for WASI 0.2, which has neither streams nor futures: it is asked, again and again, and waits where it is told to.

mod bell;
mod bodies;
mod talk;

use super::batch::Ways;
use super::feed::Feed;
use super::state::State;
use super::{Outcome, PolicyRefused};
use crate::bindings::p2::FantailP2Pre;
use crate::convert::p2 as convert;
use bodies::Bodies;
use fantail_engine::{Policy, Summary};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::time::Instant;
use talk::Talk;
use tokio::sync::mpsc;
use wasmtime::Store;

/// What of a conversation outlives it, however it ends.
#[derive(Default)]
pub(super) struct Rest {
    pub(super) feed: Feed,
    /// Taken from the component, and not by the reader yet.
    pub(super) queue: VecDeque<Outcome>,
    bodies: Bodies,
}

impl Rest {
    pub(super) fn new(feed: Feed) -> Self {
        Self { feed, ..Self::default() }
    }

    /// Sees the unread bodies that were handed out to their end.
    pub(super) async fn unread_bodies(&mut self, store: &mut Store<State>) {
        // What goes wrong, their readers have heard.
        let _ = self.bodies.finish_all(store).await;
    }
}

/// Hands the batch over to the component and waits for its summary.
pub(super) async fn converse(
    component: &FantailP2Pre<State>,
    store: &mut Store<State>,
    policy: &Policy,
    rest: &mut Rest,
    ways: Ways,
) -> wasmtime::Result<Option<Box<Summary>>> {
    let Ways { asked, outcomes, accepted } = ways;
    let instance = component.instantiate_async(&mut *store).await?;
    let guest = instance.fantail_fetch_batch_p2().clone();
    let batch = match guest.batch().call_start(&mut *store, convert::policy(policy)).await? {
        Ok(batch) => batch,
        Err(refused) => {
            let _ = accepted.send(Err(PolicyRefused { field: refused.field, reason: refused.reason }));
            return Ok(None);
        }
    };
    let _ = accepted.send(Ok(()));
    rest.bodies.guest = Some(guest.clone());
    let mut talk = Talk::new(guest, batch, store)?;
    // Nothing is read before the reader has asked.
    if asked.await.is_err() {
        return talk.cancel().await;
    }
    talk.store.data_mut().begun.get_or_insert_with(Instant::now);
    loop {
        talk.hand_over(&mut rest.feed, rest.queue.len()).await?;
        let mut moved = false;
        while let Some(outcome) = talk.next(&mut rest.bodies).await? {
            rest.queue.push_back(outcome);
            moved = true;
        }
        while !rest.queue.is_empty()
            && let Ok(place) = outcomes.try_reserve()
            && let Some(outcome) = rest.queue.pop_front()
        {
            place.send(outcome);
        }
        if moved {
            // There may be room for more requests.
            continue;
        }
        if let Some(summary) = talk.summary().await? {
            deliver(&mut talk, rest, &outcomes).await?;
            return Ok(Some(Box::new(summary)));
        }
        if !wait(&mut talk, rest, &outcomes).await? {
            return talk.cancel().await;
        }
    }
}

/// Lets the component wait until it, the input, the reader or a body has something new. False if the reader has left.
async fn wait(
    talk: &mut Talk<'_>,
    Rest { feed, queue, bodies }: &mut Rest,
    outcomes: &mpsc::Sender<Outcome>,
) -> wasmtime::Result<bool> {
    let bell = talk.bell.clone();
    let (mut hungry, mut here, mut ended) = (talk.is_hungry, true, None);
    {
        let mut news = pin!(talk.wait());
        loop {
            tokio::select! {
                waited = &mut news => break waited?,
                () = poll_fn(|cx| feed.poll_ahead(cx)), if hungry && !feed.is_ended() => hungry = false,
                place = outcomes.reserve(), if here && !queue.is_empty() => {
                    if let (Ok(place), Some(outcome)) = (place, queue.pop_front()) {
                        place.send(outcome);
                    }
                    // There may be room for another request.
                    if !queue.is_empty() || feed.is_ended() {
                        continue;
                    }
                }
                () = outcomes.closed(), if here => here = false,
                Some(end) = bodies.ended(), if ended.is_none() => ended = Some(end),
            }
            bell.ring();
        }
    }
    if let Some(ended) = ended {
        bodies.finish(talk.store, ended).await?;
    }
    Ok(here)
}

/// Gives the reader what is left, and sees to the bodies that it reads meanwhile.
async fn deliver(
    talk: &mut Talk<'_>,
    Rest { queue, bodies, .. }: &mut Rest,
    outcomes: &mpsc::Sender<Outcome>,
) -> wasmtime::Result<()> {
    while !queue.is_empty() {
        tokio::select! {
            place = outcomes.reserve() => match (place, queue.pop_front()) {
                (Ok(place), Some(outcome)) => place.send(outcome),
                // Whoever has left does not mind.
                (Err(_), _) | (_, None) => queue.clear(),
            },
            Some(ended) = bodies.ended() => bodies.finish(talk.store, ended).await?,
        }
    }
    Ok(())
}
