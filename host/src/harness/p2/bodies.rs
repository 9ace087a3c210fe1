//! Unread bodies, from the host's own streams to their readers: they pass neither through the component nor through its store.

use crate::bindings::p2::batch::Guest;
use crate::harness::UnreadBody;
use crate::harness::body::{End, PIECE, PIECES};
use crate::harness::state::State;
use bytes::Bytes;
use fantail_conversions::Convert;
use futures::FutureExt;
use futures::channel::oneshot;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use wasmtime::component::ResourceAny;
use wasmtime::{Store, error::Error};
use wasmtime_wasi::p2::{DynInputStream, StreamError};

/// The bodies that were handed out and have not ended. Each has a task, ended with this.
#[derive(Default)]
pub(in crate::harness) struct Bodies {
    pub(super) guest: Option<Guest>,
    tasks: JoinSet<Ended>,
}

/// A body whose stream has ended.
pub(super) struct Ended {
    body: ResourceAny,
    end: oneshot::Sender<End>,
    last: Last,
}

/// Why a stream ended.
enum Last {
    /// The body did.
    Closed,
    Broken(Error),
    /// Its reader has left.
    Left,
}

impl Bodies {
    /// Connects a body to a reader outside.
    pub(super) async fn open(
        &mut self,
        store: &mut Store<State>,
        body: ResourceAny,
        status: u16,
    ) -> wasmtime::Result<UnreadBody> {
        let (pieces, pieces_reader) = mpsc::channel(PIECES);
        let (end, end_reader) = oneshot::channel();
        let broken = Arc::clone(&store.data().broken);
        let cancelled = Box::pin(store.data().cancelled.clone().cancelled_owned());
        let bytes = match &self.guest {
            Some(guest) => guest.unread_body().call_stream(&mut *store, body).await?.ok(),
            None => None,
        };
        if let Some(bytes) = bytes {
            let bytes = store.data_mut().sandbox.table().delete(bytes)?;
            self.tasks.spawn(async move {
                let last = pass_on(bytes, pieces).await;
                Ended { body, end, last }
            });
        }
        Ok(UnreadBody { pieces: pieces_reader, end: Some(end_reader), status, broken, cancelled })
    }

    /// The next body whose stream has ended.
    pub(super) async fn ended(&mut self) -> Option<Ended> {
        loop {
            // One that panicked has nothing to say.
            if let Ok(ended) = self.tasks.join_next().await? {
                return Some(ended);
            }
        }
    }

    /// Asks the component how a body has ended, and tells the reader.
    pub(super) async fn finish(&mut self, store: &mut Store<State>, ended: Ended) -> wasmtime::Result<()> {
        let Ended { body, end, last } = ended;
        let broken = match last {
            Last::Left => return body.resource_drop_async(store).await,
            Last::Closed => None,
            Last::Broken(error) => Some(store.data_mut().sandbox.table().push(error)?),
        };
        let Some(guest) = &self.guest else { return Ok(()) };
        let result = guest.unread_body().call_finish(&mut *store, body, broken).await?;
        // Nobody has to be interested.
        let _ = end.send(result.map_err(Convert::convert));
        Ok(())
    }

    /// Sees to those whose stream has ended by now.
    pub(super) async fn finish_ended(&mut self, store: &mut Store<State>) -> wasmtime::Result<()> {
        while let Some(Some(ended)) = self.ended().now_or_never() {
            self.finish(store, ended).await?;
        }
        Ok(())
    }

    /// Sees them all to their end.
    pub(super) async fn finish_all(&mut self, store: &mut Store<State>) -> wasmtime::Result<()> {
        while let Some(ended) = self.ended().await {
            self.finish(store, ended).await?;
        }
        Ok(())
    }
}

async fn pass_on(mut bytes: DynInputStream, pieces: mpsc::Sender<Bytes>) -> Last {
    loop {
        tokio::select! {
            () = bytes.ready() => {}
            () = pieces.closed() => return Last::Left,
        }
        match bytes.read(PIECE) {
            Ok(piece) if piece.is_empty() => {}
            Ok(piece) => {
                if pieces.send(piece).await.is_err() {
                    return Last::Left;
                }
            }
            Err(StreamError::Closed) => return Last::Closed,
            Err(StreamError::LastOperationFailed(error) | StreamError::Trap(error)) => return Last::Broken(error),
        }
    }
}
