//! Outcomes on their way out of the component, as the reader asks for them.

use super::body::Body;
use super::state::State;
use super::{Outcome, body};
use crate::bindings::batch as wit;
use crate::convert;
use fantail_engine as engine;
use fantail_engine::Phase;
use futures::FutureExt;
use futures::channel::oneshot;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::PollSender;
use tracing::debug;
use wasmtime::component::{Source, StreamConsumer, StreamResult};
use wasmtime::{AsContextMut, StoreContextMut};

/// Takes outcomes from the component, one for each place in the channel to the reader, and closes them in the ledger.
/// Takes none before the reader has asked for the first.
pub(super) struct Output {
    pub(super) asked: Option<oneshot::Receiver<()>>,
    pub(super) outcomes: PollSender<Outcome>,
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
                if let Some(outcome) = close(&mut store, outcome)? {
                    // The place is reserved. If the reader has left meanwhile, the next call finds out.
                    let _ = self.outcomes.send_item(outcome);
                }
            }
        }
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

impl Output {
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
fn close(store: &mut StoreContextMut<'_, State>, outcome: wit::Outcome) -> wasmtime::Result<Option<Outcome>> {
    let Some(open) = store.data_mut().ledger.close(outcome.id) else {
        drop(outcome);
        return Ok(None);
    };
    let mut outcome = convert::outcome(outcome, open.id, |status, incoming| {
        Ok(match incoming {
            wit::Body::Discarded => Body::Discarded,
            wit::Body::Bytes(bytes) => Body::Bytes(bytes.into()),
            wit::Body::Unread((bytes, end)) => Body::Unread(body::unread(store.as_context_mut(), bytes, end, status)?),
        })
    })?;
    if let Some(malformed) = &open.malformed {
        outcome.result = Err(malformed.failure());
    }
    let status = outcome.result.as_ref().ok().map(|response| response.status);
    if let Err(failure) = &mut outcome.result {
        explain(store.data(), &outcome.url, failure);
    }
    let (cause, phase) = match &outcome.result {
        Ok(_) => (None, None),
        Err(failure) => (Some(failure.cause.name()), Some(failure.phase.name())),
    };
    let total_us = u64::try_from(outcome.timing.total.as_micros()).unwrap_or(u64::MAX);
    debug!(id = outcome.id, attempts = outcome.attempts, status, cause, phase, total_us, "outcome");
    store.data_mut().tally.finished(&outcome, status);
    Ok(Some(outcome))
}

/// Adds what the sender knows and wasi:http cannot say.
fn explain(state: &State, url: &str, failure: &mut engine::Failure) {
    let Some(authority) = url::Url::parse(url).ok().map(|url| url.authority().to_owned()) else { return };
    if failure.detail.is_none()
        && let Some((phase, detail)) = state.sandbox.diary().read(&authority, failure.cause)
        // Of another request to the same origin, which had come further or not as far.
        && (phase == Phase::Body) == failure.status.is_some()
    {
        failure.phase = phase;
        failure.detail = Some(detail);
    }
}
