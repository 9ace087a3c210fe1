//! A body that is received over a connection.

use crate::account::Account;
use crate::error::SendError;
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

/// A body that is received over a connection.
pub(crate) struct Received {
    incoming: Incoming,
    lease: Option<Lease>,
    idle: Duration,
    account: Arc<Account>,
    facts: Option<Facts>,
    /// Bytes received so far.
    received: u64,
    /// Runs while a frame is awaited. Created when first needed: most bodies arrive with their head.
    timer: Option<Pin<Box<Sleep>>>,
    /// The connection's number of reads when the timer was created.
    reads_before: u64,
    /// What had arrived with the head: a frame of data, trailers, or an error.
    prefetched: Option<Result<Frame<Bytes>, SendError>>,
}

impl Received {
    pub(crate) fn new(
        incoming: Incoming,
        lease: Lease,
        idle: Duration,
        account: Arc<Account>,
        facts: Option<Facts>,
    ) -> Self {
        let (lease, received, timer, reads_before, prefetched) = (Some(lease), 0, None, 0, None);
        let mut body = Self { incoming, lease, idle, account, facts, received, timer, reads_before, prefetched };
        body.check_end();
        body
    }

    /// Takes what has already arrived, so that a short body is available when the component first asks, and its connection is
    /// free for the next request. Never waits.
    pub(crate) async fn prefetch(&mut self) {
        if self.lease.is_some()
            && let Poll::Ready(arrived) = poll_fn(|cx| Poll::Ready(self.poll_incoming(cx))).await
        {
            self.prefetched = arrived;
        }
    }

    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        let polled = Pin::new(&mut self.incoming).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                self.received += frame.data_ref().map_or(0, |data| data.len() as u64);
                if let Err(error) = self.account.check(self.received) {
                    return Poll::Ready(Some(Err(self.fail(error))));
                }
                // Nothing follows trailers (RFC 9112, section 7.1.2).
                if frame.is_trailers() { self.release_lease() } else { self.check_end() }
            }
            Poll::Ready(None) => self.release_lease(),
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        polled.map(|polled| polled.map(|frame| frame.map_err(|error| self.transport_error(&error))))
    }

    /// Whatever the error is, the connection is not used again.
    fn transport_error(&mut self, error: &hyper::Error) -> SendError {
        let tls = self.lease.as_ref().and_then(|lease| lease.connection().tls_error());
        let error = tls.map_or_else(|| SendError::hyper(error, Phase::Body), |tls| SendError::tls(tls, Phase::Body));
        self.fail(error)
    }

    fn fail(&mut self, error: SendError) -> SendError {
        self.lease = None;
        SendError { sent: Sent::Yes, facts: self.facts.map(Box::new), ..error }
    }

    fn check_end(&mut self) {
        if self.incoming.is_end_stream() {
            self.release_lease();
        }
    }

    fn release_lease(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.finish();
        }
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<SendError> {
        let idle = self.idle;
        if self.timer.is_none() {
            self.reads_before = self.lease.as_ref().map_or(0, |lease| lease.connection().reads());
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(idle)));
        ready!(timer.as_mut().poll(cx));
        if let Some(lease) = &self.lease {
            lease.timed_out(self.reads_before);
        }
        let detail = format!("no further bytes of the body within {idle:?}");
        Poll::Ready(self.fail(SendError::new(Cause::ConnectionReadTimeout, Phase::Body, detail)))
    }

    /// The next frame, or what arrived with the head.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        if let Some(prefetched) = self.prefetched.take() {
            return Poll::Ready(Some(prefetched));
        }
        match self.poll_incoming(cx) {
            Poll::Pending => self.poll_timer(cx).map(|error| Some(Err(error))),
            ready @ Poll::Ready(_) => {
                self.timer = None;
                ready
            }
        }
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.prefetched.is_none() && self.incoming.is_end_stream()
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        let rest = self.incoming.size_hint();
        let prefetched =
            self.prefetched.iter().flatten().filter_map(Frame::data_ref).map(|data| data.len() as u64).sum::<u64>();
        rest.exact().map_or_else(SizeHint::default, |rest| SizeHint::with_exact(prefetched + rest))
    }
}
