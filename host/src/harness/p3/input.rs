//! Requests on their way into the component, as it asks for them.

use crate::bindings::batch as wit;
use crate::convert::p3 as convert;
use crate::harness::state::State;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use wasmtime::StoreContextMut;
use wasmtime::component::{Destination, StreamProducer, StreamResult, VecBuffer};

/// Gives the component as many requests as it asks for and the input has, and notes them in the ledger. The input itself
/// lives in the store's state, so that what is left of it survives the component.
pub(super) struct Input;

impl StreamProducer<State> for Input {
    type Item = wit::Request;
    type Buffer = VecBuffer<wit::Request>;

    fn poll_produce<'a>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'a, State>,
        mut destination: Destination<'a, wit::Request, VecBuffer<wit::Request>>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let room = destination.remaining(&mut store).unwrap_or(1);
        let state = store.data_mut();
        state.sandbox.computing = Duration::ZERO;
        state.begun.get_or_insert_with(Instant::now);
        let limits = &state.sandbox.limits;
        let left = usize::try_from(limits.requests.saturating_sub(state.ledger.read())).unwrap_or(usize::MAX);
        let room = room.min(limits.handed_over.saturating_sub(state.ledger.len())).min(left);
        let mut requests = Vec::new();
        while requests.len() < room && !state.feed.is_ended() {
            match state.feed.poll_next(cx) {
                Poll::Ready(Some(entry)) => {
                    state.tally.arrived();
                    let (serial, request) = state.ledger.open(entry);
                    requests.push(convert::request(serial, request));
                }
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        let (ended, empty) = (state.feed.is_ended() || left == 0, requests.is_empty());
        if !empty {
            destination.set_buffer(requests.into());
        }
        Poll::Ready(Ok(match (empty, ended, finish) {
            (_, true, _) => StreamResult::Dropped,
            (false, false, _) => StreamResult::Completed,
            (true, false, true) => StreamResult::Cancelled,
            (true, false, false) if room == 0 => StreamResult::Completed,
            (true, false, false) => return Poll::Pending,
        }))
    }
}
