//! A response's body.

use crate::account::Account;
use crate::error::SendError;
use crate::events::EventBody;
use crate::pool::Lease;
use bytes::Bytes;
use fantail_engine::{Cause, Facts, Phase, Sent};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Sleep;

/// A response's body. Its connection takes the next request when it has ended; dropped before, or broken, it is closed, or its stream
/// is if others share it.
pub struct ResponseBody(Kind);

enum Kind {
    Received(Box<Received>),
    Events(EventBody),
}

/// A body on its way in.
pub(crate) struct Received {
    incoming: Incoming,
    lease: Option<Lease>,
    idle: Duration,
    account: Arc<Account>,
    facts: Option<Facts>,
    /// Bytes that have come.
    received: u64,
    /// Runs while a piece is awaited. Made when first needed: most bodies arrive with their head.
    timer: Option<Pin<Box<Sleep>>>,
    /// How much had come over the connection when the timer was made.
    heard: u64,
    /// What had arrived with the head: a piece, trailers, or the news that nothing more comes.
    first: Option<Result<Frame<Bytes>, SendError>>,
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

impl Received {
    pub(crate) fn new(
        incoming: Incoming,
        lease: Lease,
        idle: Duration,
        account: Arc<Account>,
        facts: Option<Facts>,
    ) -> Self {
        let (lease, received, timer, heard, first) = (Some(lease), 0, None, 0, None);
        let mut body = Self { incoming, lease, idle, account, facts, received, timer, heard, first };
        body.check_end();
        body
    }

    /// Takes what has arrived already, so that a short body is there when the component first asks, and its connection
    /// free for the next request. Never waits.
    pub(crate) async fn prefetch(&mut self) {
        if self.lease.is_some()
            && let Poll::Ready(arrived) = poll_fn(|cx| Poll::Ready(self.poll_incoming(cx))).await
        {
            self.first = arrived;
        }
    }

    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        let polled = Pin::new(&mut self.incoming).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                self.received += frame.data_ref().map_or(0, |data| data.len() as u64);
                if let Err(error) = self.account.check(self.received) {
                    return Poll::Ready(Some(Err(self.failed(error))));
                }
                // Nothing follows trailers (RFC 9112, section 7.1.2).
                if frame.is_trailers() { self.give_back() } else { self.check_end() }
            }
            Poll::Ready(None) => self.give_back(),
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        polled.map(|polled| polled.map(|frame| frame.map_err(|error| self.broke(&error))))
    }

    /// Whatever broke, the connection carries nothing more.
    fn broke(&mut self, error: &hyper::Error) -> SendError {
        let tls = self.lease.as_ref().and_then(|lease| lease.connection().tls_error());
        let error = tls.map_or_else(|| SendError::hyper(error, Phase::Body), |tls| SendError::tls(tls, Phase::Body));
        self.failed(error)
    }

    fn failed(&mut self, error: SendError) -> SendError {
        self.lease = None;
        SendError { sent: Sent::Yes, facts: self.facts.map(Box::new), ..error }
    }

    fn check_end(&mut self) {
        if self.incoming.is_end_stream() {
            self.give_back();
        }
    }

    fn give_back(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.finish();
        }
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<SendError> {
        let idle = self.idle;
        if self.timer.is_none() {
            self.heard = self.lease.as_ref().map_or(0, |lease| lease.connection().heard());
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(idle)));
        ready!(timer.as_mut().poll(cx));
        if let Some(lease) = &self.lease {
            lease.timed_out(self.heard);
        }
        let detail = format!("no further bytes of the body within {idle:?}");
        Poll::Ready(self.failed(SendError::new(Cause::ConnectionReadTimeout, Phase::Body, detail)))
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        match self.poll_incoming(cx) {
            Poll::Pending => self.poll_timer(cx).map(|error| Some(Err(error))),
            ready @ Poll::Ready(_) => {
                self.timer = None;
                ready
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.incoming.size_hint();
        let first = self.first.iter().flatten().filter_map(Frame::data_ref).map(|data| data.len() as u64).sum::<u64>();
        rest.exact().map_or_else(SizeHint::default, |rest| SizeHint::with_exact(first + rest))
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = SendError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        match &mut self.0 {
            Kind::Received(received) => received.poll_next(cx),
            Kind::Events(events) => events.poll_piece(cx).map(|piece| Some(Ok(Frame::data(piece)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Received(received) => received.first.is_none() && received.incoming.is_end_stream(),
            Kind::Events(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Received(received) => received.size_hint(),
            Kind::Events(_) => SizeHint::default(),
        }
    }
}
