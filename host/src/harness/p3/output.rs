//! Outcomes on their way out of the component, as the reader asks for them.

use super::body::unread;
use crate::bindings::batch as wit;
use crate::convert::p3 as convert;
use crate::harness::state::State;
use crate::harness::{Body, Outcome, Response};
use futures::FutureExt;
use futures::channel::oneshot;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::PollSender;
use wasmtime::component::{Source, StreamConsumer, StreamResult};
use wasmtime::{AsContextMut, StoreContextMut};

/// Takes outcomes from the component, one for each place in the channel to the reader, and closes them in the ledger.
/// Takes none before the reader has asked for the first.
pub(super) struct Output {
    asked: Option<oneshot::Receiver<()>>,
    outcomes: PollSender<Outcome>,
}

impl StreamConsumer<State> for Output {
    type Item = wit::Outcome;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'_, State>,
        mut source: Source<'_, wit::Outcome>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        store.data_mut().sandbox.computing = Duration::ZERO;
        match self.poll_ready(cx) {
            Poll::Ready(true) => {}
            Poll::Ready(false) => return Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => return Poll::Pending,
        }
        // One at a time: what may be passed to the host at once is limited, and one outcome fits the limit.
        let mut one = Vec::with_capacity(1);
        while source.remaining(store.as_context_mut()) > 0 && matches!(self.poll_ready(cx), Poll::Ready(true)) {
            source.read(store.as_context_mut(), &mut one)?;
            for outcome in one.drain(..) {
                if let Some(outcome) = accept(&mut store, outcome)? {
                    // The place is reserved. If the reader has left meanwhile, the next call finds out.
                    let _ = self.outcomes.send_item(outcome);
                }
            }
        }
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

impl Output {
    pub(super) fn new(asked: oneshot::Receiver<()>, outcomes: mpsc::Sender<Outcome>) -> Self {
        Self { asked: Some(asked), outcomes: PollSender::new(outcomes) }
    }

    /// Ready with true if there is a place for an outcome, with false if the reader has left.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if let Some(asked) = &mut self.asked {
            let reader_there = ready!(asked.poll_unpin(cx)).is_ok();
            self.asked = None;
            if !reader_there {
                return Poll::Ready(false);
            }
        }
        // A place that was reserved before the reader left still looks like one.
        if self.outcomes.get_ref().is_none_or(mpsc::Sender::is_closed) {
            return Poll::Ready(false);
        }
        self.outcomes.poll_reserve(cx).map(|reserved| reserved.is_ok())
    }
}

/// The outcome as the reader gets it; none if it belongs to no request.
fn accept(store: &mut StoreContextMut<'_, State>, outcome: wit::Outcome) -> wasmtime::Result<Option<Outcome>> {
    if !store.data().ledger.contains(outcome.id) {
        return Ok(None);
    }
    let wit::Outcome { id: serial, url, attempts, hops, timing, result } = outcome;
    let result = match result {
        Ok(wit::Response { status, headers, body }) => {
            let body = match body {
                wit::Body::Discarded => Body::Discarded,
                wit::Body::Bytes(bytes) => Body::Bytes(bytes.into()),
                wit::Body::Unread((bytes, end)) => Body::Unread(unread(store.as_context_mut(), bytes, end, status)?),
            };
            Ok(Response { status, headers, body })
        }
        Err(failure) => Err(convert::failure(failure)),
    };
    let timing = convert::timing(timing);
    let state = store.data_mut();
    // Only now that nothing more can go wrong with it.
    let open = state.ledger.close(serial);
    Ok(open.map(|open| state.close(open, Outcome { id: 0, url, attempts, hops, timing, result })))
}
