//! Where requests come from.

use crate::bindings::exports::fantail::fetch::batch::Request;
use crate::convert;
use fantail_shell::Answer;
use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::{Either, LocalBoxFuture, select};
use std::pin::pin;
use std::task::{Context, Poll};
use wit_bindgen::rt::async_support::{StreamReader, StreamResult};

/// Requests on their way in.
pub(crate) enum Input {
    /// A stream that nobody reads at the moment.
    Idle(StreamReader<Request>),
    /// A stream that is being read.
    Reading { read: LocalBoxFuture<'static, Read>, stop: Option<oneshot::Sender<()>> },
    /// A stream that gives nothing more. `answered` says whether the engine knows.
    Ended { answered: bool },
}

/// The end of one read: the stream, unless it has ended, and what was read.
type Read = (Option<StreamReader<Request>>, Vec<Request>);

impl fantail_shell::Input for Input {
    fn read(&mut self, count: usize) {
        match std::mem::replace(self, Input::Ended { answered: false }) {
            Input::Idle(reader) => {
                let (stop, stopped) = oneshot::channel();
                *self = Input::Reading { read: read(reader, count, stopped).boxed_local(), stop: Some(stop) };
            }
            // The engine has one read under way at a time and none after the end.
            other @ (Input::Reading { .. } | Input::Ended { .. }) => *self = other,
        }
    }

    fn close(&mut self) {
        match self {
            Input::Idle(_) => *self = Input::Ended { answered: false },
            Input::Reading { stop, .. } => drop(stop.take()),
            Input::Ended { .. } => {}
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Answer> {
        match self {
            Input::Idle(_) | Input::Ended { answered: true } => Poll::Pending,
            Input::Reading { read, stop } => {
                let Poll::Ready((reader, requests)) = read.poll_unpin(cx) else { return Poll::Pending };
                let reader = reader.filter(|_| stop.is_some());
                let ended = reader.is_none();
                *self = reader.map_or(Input::Ended { answered: true }, Input::Idle);
                Poll::Ready((requests.into_iter().map(convert::request).collect(), ended))
            }
            Input::Ended { answered } => {
                *answered = true;
                Poll::Ready((Vec::new(), true))
            }
        }
    }
}

/// Reads once, or until told to stop; requests that had come by then are not lost.
async fn read(mut reader: StreamReader<Request>, count: usize, stopped: oneshot::Receiver<()>) -> Read {
    let (result, requests) = {
        let mut reading = pin!(reader.read(Vec::with_capacity(count)));
        match select(reading.as_mut(), stopped).await {
            Either::Left((read, _)) => read,
            Either::Right(_) => reading.cancel(),
        }
    };
    let ended = matches!(result, StreamResult::Dropped);
    ((!ended).then_some(reader), requests)
}
