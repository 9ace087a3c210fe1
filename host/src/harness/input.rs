//! What a batch is fed with, and what is left of it.

use super::ledger::Numbered;
use futures::StreamExt;
use futures::stream::BoxStream;
use std::future::poll_fn;
use std::task::{Context, Poll, ready};

/// The input of a batch. It outlives the component, so that what is left of it has its outcomes too.
pub(super) struct Input {
    input: BoxStream<'static, Numbered>,
    /// Read, and not taken yet.
    ahead: Option<Numbered>,
    ended: bool,
}

impl Input {
    pub(super) fn new(input: BoxStream<'static, Numbered>) -> Self {
        Self { input, ahead: None, ended: false }
    }

    /// Whether the input is known to have ended.
    pub(super) fn is_ended(&self) -> bool {
        self.ended && self.ahead.is_none()
    }

    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Numbered>> {
        ready!(self.poll_ahead(cx));
        Poll::Ready(self.ahead.take())
    }

    pub(super) async fn next(&mut self) -> Option<Numbered> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Waits until there is an entry, or the input has ended.
    pub(super) fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.ahead.is_none() && !self.ended {
            self.ahead = ready!(self.input.poll_next_unpin(cx));
            self.ended = self.ahead.is_none();
        }
        Poll::Ready(())
    }
}
