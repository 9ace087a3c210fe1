//! A response's body, which gives its connection back at its end.

use super::account::Account;
use super::connection::Connection;
use super::error::SendError;
use super::pool::Pool;
use bytes::Bytes;
use fantail_engine::{Cause, Phase};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Sleep;

/// A body on its way in. Its connection goes back to the pool when the body has ended, and is closed when it is dropped
/// before or breaks.
pub(crate) struct PooledBody {
    incoming: Incoming,
    connection: Option<Connection>,
    pool: Arc<Pool>,
    idle: Duration,
    account: Arc<Account>,
    /// Bytes that have come.
    received: u64,
    /// Runs while a piece is awaited. Made when first needed: most bodies arrive with their head.
    timer: Option<Pin<Box<Sleep>>>,
    /// What had arrived with the head: a piece, trailers, or the news that nothing more comes.
    first: Option<Result<Frame<Bytes>, SendError>>,
}

impl PooledBody {
    pub(crate) fn new(
        incoming: Incoming,
        connection: Connection,
        pool: Arc<Pool>,
        idle: Duration,
        account: Arc<Account>,
    ) -> Self {
        let (connection, received, timer, first) = (Some(connection), 0, None, None);
        let mut body = Self { incoming, connection, pool, idle, account, received, timer, first };
        body.check_end();
        body
    }

    /// Takes what has arrived already, so that a short body is there when the component first asks, and its connection
    /// free for the next request. Never waits.
    pub(crate) async fn prefetch(&mut self) {
        if self.connection.is_some()
            && let Poll::Ready(arrived) = poll_fn(|cx| Poll::Ready(self.poll_incoming(cx))).await
        {
            self.first = arrived;
        }
    }

    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        let polled = Pin::new(&mut self.incoming).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            self.received += frame.data_ref().map_or(0, |data| data.len() as u64);
            if let Err(error) = self.account.check(self.received) {
                self.connection = None;
                return Poll::Ready(Some(Err(error)));
            }
        }
        match &polled {
            Poll::Ready(Some(Err(_))) => self.connection = None,
            Poll::Ready(None) => self.give_back(),
            // Nothing follows trailers (RFC 9112, section 7.1.2).
            Poll::Ready(Some(Ok(frame))) if frame.is_trailers() => self.give_back(),
            Poll::Ready(Some(Ok(_))) => self.check_end(),
            Poll::Pending => {}
        }
        polled.map_err(|error| SendError::hyper(&error, Phase::Body))
    }

    fn check_end(&mut self) {
        if self.incoming.is_end_stream() {
            self.give_back();
        }
    }

    fn give_back(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.put(connection);
        }
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<SendError> {
        let idle = self.idle;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(idle)));
        ready!(timer.as_mut().poll(cx));
        if let Some(connection) = self.connection.take() {
            self.pool.forget(&connection);
        }
        let detail = format!("no further bytes of the body within {idle:?}");
        Poll::Ready(SendError::new(Cause::ConnectionReadTimeout, Phase::Body, detail))
    }
}

impl Body for PooledBody {
    type Data = Bytes;
    type Error = SendError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
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

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.incoming.size_hint();
        let first = self.first.iter().flatten().filter_map(Frame::data_ref).map(|data| data.len() as u64).sum::<u64>();
        rest.exact().map_or_else(SizeHint::default, |rest| SizeHint::with_exact(first + rest))
    }
}
