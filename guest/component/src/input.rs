//! Where requests come from.

use crate::bindings::exports::fantail::fetch::batch::Request;
use crate::convert;
use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::{Either, LocalBoxFuture, select};
use std::pin::pin;
use std::task::{Context, Poll};
use wit_bindgen::rt::async_support::{StreamReader, StreamResult};

/// Requests on their way in: asked for with `read`, given up with `close`; `poll` gives one answer to each read, or to
/// the close in its place.
pub(crate) enum Input {
    /// A list that is there already.
    List { requests: std::vec::IntoIter<Request>, asked: usize },
    /// A stream that nobody reads at the moment.
    Idle(StreamReader<Request>),
    /// A stream that is being read.
    Reading { read: LocalBoxFuture<'static, Read>, stop: Option<oneshot::Sender<()>> },
    /// A stream that gives nothing more. `answered` says whether the engine knows.
    Ended { answered: bool },
}

/// The end of one read: the stream, unless it has ended, and what was read.
type Read = (Option<StreamReader<Request>>, Vec<Request>);

/// An answer to the engine: what was read, and whether that was the end.
pub(crate) type Answer = (Vec<fantail_engine::Request>, bool);

impl Input {
    pub(crate) fn list(requests: Vec<Request>) -> Self {
        Input::List { requests: requests.into_iter(), asked: 0 }
    }

    pub(crate) fn stream(reader: StreamReader<Request>) -> Self {
        Input::Idle(reader)
    }

    pub(crate) fn read(&mut self, count: usize) {
        match std::mem::replace(self, Input::Ended { answered: false }) {
            Input::List { requests, .. } => *self = Input::List { requests, asked: count },
            Input::Idle(reader) => {
                let (stop, stopped) = oneshot::channel();
                *self = Input::Reading { read: read(reader, count, stopped).boxed_local(), stop: Some(stop) };
            }
            // The engine has one read under way at a time and none after the end.
            other @ (Input::Reading { .. } | Input::Ended { .. }) => *self = other,
        }
    }

    /// Gives up reading. What a read under way got, and the rest of a list, still comes as the answer.
    pub(crate) fn close(&mut self) {
        match self {
            Input::List { asked, .. } => *asked = usize::MAX,
            Input::Idle(_) => *self = Input::Ended { answered: false },
            Input::Reading { stop, .. } => drop(stop.take()),
            Input::Ended { .. } => {}
        }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Answer> {
        match self {
            Input::List { asked: 0, .. } | Input::Idle(_) | Input::Ended { answered: true } => Poll::Pending,
            Input::List { requests, asked } => {
                let answer = requests.by_ref().take(std::mem::take(asked)).map(convert::request).collect();
                let ended = requests.as_slice().is_empty();
                if ended {
                    *self = Input::Ended { answered: true };
                }
                Poll::Ready((answer, ended))
            }
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
