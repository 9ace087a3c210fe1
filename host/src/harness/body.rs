//! Bodies that never enter the component: streamed from the connection to the reader.

use super::future::receive;
use super::state::State;
use crate::bindings::batch as wit;
use crate::convert;
use bytes::Bytes;
use fantail_engine::{Cause, Failure, Header};
use futures::Stream;
use futures::channel::oneshot;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::PollSender;
use wasmtime::component::{FutureReader, Source, StreamConsumer, StreamReader, StreamResult};
use wasmtime::{AsContextMut, StoreContextMut};

/// A response's body.
#[derive(Debug)]
pub enum Body {
    /// Body mode `discard`.
    Discarded,
    /// Body mode `bytes`: all of it.
    Bytes(Bytes),
    /// Body mode `unread`.
    Unread(UnreadBody),
}

/// A body that is read as it arrives: a stream of pieces. A body that breaks ends with the failure; one that ends without
/// is whole. Dropping it closes the connection: when the next piece arrives, or at the latest when the time between two
/// pieces has run out. Holds at most two pieces of 64 KiB.
#[derive(Debug)]
pub struct UnreadBody {
    pieces: mpsc::Receiver<Bytes>,
    end: Option<oneshot::Receiver<Result<Vec<Header>, wit::Failure>>>,
    status: u16,
    /// Why the component broke down, if it did.
    broken: Arc<OnceLock<String>>,
}

const PIECES: usize = 2;
const PIECE: usize = 64 * 1024;

impl Stream for UnreadBody {
    type Item = Result<Bytes, Failure>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(piece) = ready!(self.pieces.poll_recv(cx)) {
            return Poll::Ready(Some(Ok(piece)));
        }
        let Some(end) = &mut self.end else { return Poll::Ready(None) };
        let ended = ready!(Pin::new(end).poll(cx));
        self.end = None;
        Poll::Ready(match ended {
            Ok(Ok(_trailers)) => None,
            Ok(Err(failure)) => Some(Err(convert::failure(failure))),
            Err(_) => Some(Err(self.cut_off())),
        })
    }
}

impl UnreadBody {
    /// The failure of a body whose batch ended before it did.
    fn cut_off(&self) -> Failure {
        match self.broken.get() {
            Some(reason) => Failure::after_head(Cause::InternalError, false, self.status).with_detail(reason),
            None => Failure::after_head(Cause::Cancelled, false, self.status).with_detail("the batch was cancelled"),
        }
    }
}

/// Connects an unread body of the component to a reader outside.
pub(super) fn unread(
    mut store: StoreContextMut<'_, State>,
    bytes: StreamReader<u8>,
    end: FutureReader<Result<Vec<wit::Header>, wit::Failure>>,
    status: u16,
) -> wasmtime::Result<UnreadBody> {
    let (pieces, pieces_reader) = mpsc::channel(PIECES);
    let alive = store.data().alive.clone();
    bytes.pipe(store.as_context_mut(), Pieces { pieces: PollSender::new(pieces), _alive: alive })?;
    let broken = Arc::clone(&store.data().broken);
    let end = receive(store, end)?;
    Ok(UnreadBody { pieces: pieces_reader, end: Some(end), status, broken })
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
