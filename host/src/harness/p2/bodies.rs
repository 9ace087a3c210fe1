//! Unread bodies, forwarded from the host's own streams to their readers without passing through the component or its store.

use crate::bindings::p2::batch::Guest;
use crate::harness::UnreadBody;
use crate::harness::body::{CHUNK_BYTES, End, MAX_BUFFERED_CHUNKS};
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

/// The bodies that were handed out and have not ended. Each has a task, which is aborted when this is dropped.
#[derive(Default)]
pub(in crate::harness) struct Bodies {
    pub(super) guest: Option<Guest>,
    tasks: JoinSet<Ended>,
}

/// A body whose stream has ended.
pub(super) struct Ended {
    body: ResourceAny,
    end: oneshot::Sender<End>,
    reason: StreamEnd,
}

/// Why a stream ended.
enum StreamEnd {
    /// The body ended.
    Closed,
    Broken(Error),
    /// Its reader was dropped.
    ReaderDropped,
}

impl Bodies {
    /// Connects a body to a reader outside.
    pub(super) async fn open(
        &mut self,
        store: &mut Store<State>,
        body: ResourceAny,
        status: u16,
    ) -> wasmtime::Result<UnreadBody> {
        let (chunks, chunks_reader) = mpsc::channel(MAX_BUFFERED_CHUNKS);
        let (end, end_reader) = oneshot::channel();
        let broken_reason = Arc::clone(&store.data().broken_reason);
        let cancelled = Box::pin(store.data().cancelled.clone().cancelled_owned());
        let bytes = match &self.guest {
            Some(guest) => guest.unread_body().call_stream(&mut *store, body).await?.ok(),
            None => None,
        };
        if let Some(bytes) = bytes {
            let bytes = store.data_mut().sandbox.table().delete(bytes)?;
            self.tasks.spawn(async move {
                let reason = forward(bytes, chunks).await;
                Ended { body, end, reason }
            });
        }
        Ok(UnreadBody { chunks: chunks_reader, end: Some(end_reader), status, broken_reason, cancelled })
    }

    /// The next body whose stream has ended.
    pub(super) async fn ended(&mut self) -> Option<Ended> {
        loop {
            // A task that panicked has no result.
            if let Ok(ended) = self.tasks.join_next().await? {
                return Some(ended);
            }
        }
    }

    /// Asks the component how a body ended, and passes that on to the reader.
    pub(super) async fn finish(&mut self, store: &mut Store<State>, ended: Ended) -> wasmtime::Result<()> {
        let Ended { body, end, reason } = ended;
        let broken_reason = match reason {
            StreamEnd::ReaderDropped => return body.resource_drop_async(store).await,
            StreamEnd::Closed => None,
            StreamEnd::Broken(error) => Some(store.data_mut().sandbox.table().push(error)?),
        };
        let Some(guest) = &self.guest else { return Ok(()) };
        let result = guest.unread_body().call_finish(&mut *store, body, broken_reason).await?;
        // The reader may have been dropped.
        let _ = end.send(result.map_err(Convert::convert));
        Ok(())
    }

    /// Finishes the bodies whose stream has ended by now.
    pub(super) async fn finish_ended(&mut self, store: &mut Store<State>) -> wasmtime::Result<()> {
        while let Some(Some(ended)) = self.ended().now_or_never() {
            self.finish(store, ended).await?;
        }
        Ok(())
    }

    /// Waits until all bodies have ended, and finishes them.
    pub(super) async fn finish_all(&mut self, store: &mut Store<State>) -> wasmtime::Result<()> {
        while let Some(ended) = self.ended().await {
            self.finish(store, ended).await?;
        }
        Ok(())
    }
}

async fn forward(mut bytes: DynInputStream, chunks: mpsc::Sender<Bytes>) -> StreamEnd {
    loop {
        tokio::select! {
            () = bytes.ready() => {}
            () = chunks.closed() => return StreamEnd::ReaderDropped,
        }
        match bytes.read(CHUNK_BYTES) {
            Ok(chunk) if chunk.is_empty() => {}
            Ok(chunk) => {
                if chunks.send(chunk).await.is_err() {
                    return StreamEnd::ReaderDropped;
                }
            }
            Err(StreamError::Closed) => return StreamEnd::Closed,
            Err(StreamError::LastOperationFailed(error) | StreamError::Trap(error)) => return StreamEnd::Broken(error),
        }
    }
}
