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
use std::future::poll_fn;
use std::pin::pin;
use std::time::Instant;
use talk::Talk;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use wasmtime::Store;

/// What of a conversation outlives it, however it ends.
#[derive(Default)]
pub(super) struct Rest {
    pub(super) feed: Feed,
    bodies: Bodies,
}

impl Rest {
    pub(super) fn new(feed: Feed) -> Self {
        Self { feed, ..Self::default() }
    }

    /// Sees the unread bodies that were handed out to their end.
    pub(super) async fn unread_bodies(&mut self, store: &mut Store<State>) {
        if let Err(error) = self.bodies.finish_all(store).await {
            // What is cut off says why.
            let _ = store.data().broken.set(format!("{error:#}"));
        }
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
        let delivered = deliver(&mut talk, &mut rest.bodies, &outcomes).await?;
        if let Delivered::Left = delivered {
            return talk.cancel().await;
        }
        // Now that there may be room again.
        talk.hand_over(&mut rest.feed).await?;
        rest.bodies.finish_ended(talk.store).await?;
        if let Delivered::Nothing = delivered
            && let Some(summary) = talk.summary().await?
        {
            return Ok(Some(Box::new(summary)));
        }
        let place = !matches!(delivered, Delivered::Full);
        wait(&mut talk, rest, &outcomes, place).await?;
    }
}

/// What came of asking for outcomes.
enum Delivered {
    /// All that there were.
    All,
    /// There were none.
    Nothing,
    /// There is no place for another.
    Full,
    /// The reader is gone.
    Left,
}

/// Takes an outcome from the component for each place in the channel to the reader.
async fn deliver(
    talk: &mut Talk<'_>,
    bodies: &mut Bodies,
    outcomes: &mpsc::Sender<Outcome>,
) -> wasmtime::Result<Delivered> {
    let mut delivered = Delivered::Nothing;
    loop {
        match outcomes.try_reserve() {
            Ok(place) => match talk.next(bodies).await? {
                Some(outcome) => place.send(outcome),
                None => return Ok(delivered),
            },
            Err(TrySendError::Full(())) => return Ok(Delivered::Full),
            Err(TrySendError::Closed(())) => return Ok(Delivered::Left),
        }
        delivered = Delivered::All;
    }
}

/// Lets the component go on until it, the input, the reader or a body has something new. Without a `place` for an outcome, the component has
/// nothing new.
async fn wait(
    talk: &mut Talk<'_>,
    Rest { feed, bodies }: &mut Rest,
    outcomes: &mpsc::Sender<Outcome>,
    place: bool,
) -> wasmtime::Result<()> {
    let bell = talk.bell.clone();
    let (mut hungry, mut full, mut here, mut ended) = (talk.is_hungry, !place, true, None);
    {
        let mut news = pin!(talk.wait(place));
        loop {
            tokio::select! {
                waited = &mut news => break waited?,
                () = poll_fn(|cx| feed.poll_ahead(cx)), if hungry && !feed.is_ended() => hungry = false,
                // Given back at once: it is taken again with the next outcome.
                _ = outcomes.reserve(), if full => full = false,
                () = outcomes.closed(), if here => here = false,
                Some(end) = bodies.ended(), if ended.is_none() => ended = Some(end),
            }
            bell.ring();
        }
    }
    match ended {
        Some(ended) => bodies.finish(talk.store, ended).await,
        None => Ok(()),
    }
}
