//! Unread bodies, forwarded from the component's streams to their readers.

use super::future::receive;
use crate::bindings::p3::batch as wit;
use crate::harness::body::{CHUNK_BYTES, MAX_BUFFERED_CHUNKS, UnreadBody};
use crate::harness::state::State;
use bytes::Bytes;
use fantail_conversions::Convert;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::PollSender;
use wasmtime::component::{FutureReader, Source, StreamConsumer, StreamReader, StreamResult};
use wasmtime::{AsContextMut, StoreContextMut};

/// Connects an unread body of the component to a reader outside.
pub(super) fn unread(
    mut store: impl AsContextMut<Data = State>,
    bytes: StreamReader<u8>,
    end: FutureReader<Result<Vec<wit::Header>, wit::Failure>>,
    status: u16,
) -> wasmtime::Result<UnreadBody> {
    let (chunks, chunks_reader) = mpsc::channel(MAX_BUFFERED_CHUNKS);
    let alive = store.as_context().data().alive.clone();
    bytes.pipe(store.as_context_mut(), ChunkConsumer { chunks: PollSender::new(chunks), _alive: alive })?;
    let broken_reason = Arc::clone(&store.as_context().data().broken_reason);
    let cancelled = Box::pin(store.as_context().data().cancelled.clone().cancelled_owned());
    let end = receive(store, end, |end| end.map_err(Convert::convert))?;
    Ok(UnreadBody { chunks: chunks_reader, end: Some(end), status, broken_reason, cancelled })
}

struct ChunkConsumer {
    chunks: PollSender<Bytes>,
    /// Keeps the batch running until the body has ended.
    _alive: Option<mpsc::Sender<()>>,
}

impl StreamConsumer<State> for ChunkConsumer {
    type Item = u8;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'_, State>,
        source: Source<'_, u8>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        store.data_mut().sandbox.computing = Duration::ZERO;
        match self.chunks.poll_reserve(cx) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => return Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => return Poll::Pending,
        }
        let mut direct = source.as_direct(store);
        let chunk = direct.remaining();
        let count = chunk.len().min(CHUNK_BYTES);
        let sent = chunk.get(..count).filter(|chunk| !chunk.is_empty()).map(Bytes::copy_from_slice);
        if let Some(chunk) = sent {
            direct.mark_read(count);
            if self.chunks.send_item(chunk).is_err() {
                return Poll::Ready(Ok(StreamResult::Dropped));
            }
        }
        Poll::Ready(Ok(StreamResult::Completed))
    }
}
