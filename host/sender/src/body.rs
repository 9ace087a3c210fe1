//! A response's body.

use crate::decoded::Decoded;
use crate::error::SendError;
use crate::events::EventBody;
use crate::received::Received;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A response's body. When it ends, its connection is free for the next request. If it is dropped early, or fails, the connection is
/// closed, or only its stream if others share the connection.
pub struct ResponseBody(Kind);

enum Kind {
    Received(Box<Received>),
    Decoded(Box<Decoded>),
    Events(EventBody),
}

impl From<EventBody> for ResponseBody {
    fn from(events: EventBody) -> Self {
        Self(Kind::Events(events))
    }
}

impl From<Received> for ResponseBody {
    fn from(received: Received) -> Self {
        Self(Kind::Received(Box::new(received)))
    }
}

impl From<Decoded> for ResponseBody {
    fn from(decoded: Decoded) -> Self {
        Self(Kind::Decoded(Box::new(decoded)))
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = SendError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        match &mut self.0 {
            Kind::Received(received) => received.poll_next(cx),
            Kind::Decoded(decoded) => decoded.poll_next(cx).map(|piece| piece.map(|piece| piece.map(Frame::data))),
            Kind::Events(events) => events.poll_chunk(cx).map(|chunk| Some(Ok(Frame::data(chunk)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Received(received) => received.is_ended(),
            Kind::Decoded(decoded) => decoded.is_ended(),
            Kind::Events(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Received(received) => received.size_hint(),
            Kind::Decoded(_) | Kind::Events(_) => SizeHint::default(),
        }
    }
}
