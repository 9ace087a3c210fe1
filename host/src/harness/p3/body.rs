//! Bodies that never enter the component, from its streams to their readers.

use super::future::receive;
use crate::bindings::p3::batch as wit;
use crate::harness::body::{PIECE, PIECES, UnreadBody};
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
    let (pieces, pieces_reader) = mpsc::channel(PIECES);
    let alive = store.as_context().data().alive.clone();
    bytes.pipe(store.as_context_mut(), Pieces { pieces: PollSender::new(pieces), _alive: alive })?;
    let broken = Arc::clone(&store.as_context().data().broken);
    let cancelled = Box::pin(store.as_context().data().cancelled.clone().cancelled_owned());
    let end = receive(store, end, |end| end.map_err(Convert::convert))?;
    Ok(UnreadBody { pieces: pieces_reader, end: Some(end), status, broken, cancelled })
}

struct Pieces {
    pieces: PollSender<Bytes>,
    /// Keeps the batch going until the body has ended.
    _alive: Option<mpsc::Sender<()>>,
}

impl StreamConsumer<State> for Pieces {
    type Item = u8;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'_, State>,
        source: Source<'_, u8>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        store.data_mut().sandbox.computing = Duration::ZERO;
        match self.pieces.poll_reserve(cx) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => return Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => return Poll::Pending,
        }
        let mut direct = source.as_direct(store);
        let piece = direct.remaining();
        let count = piece.len().min(PIECE);
        let sent = piece.get(..count).filter(|piece| !piece.is_empty()).map(Bytes::copy_from_slice);
        if let Some(piece) = sent {
            direct.mark_read(count);
            if self.pieces.send_item(piece).is_err() {
                return Poll::Ready(Ok(StreamResult::Dropped));
            }
        }
        Poll::Ready(Ok(StreamResult::Completed))
    }
}
