//! The input of a batch.

use super::deal::Dealt;
use super::ledger::Numbered;
use futures::StreamExt;
use futures::stream::BoxStream;
use std::future::poll_fn;
use std::task::{Context, Poll, ready};

/// The input of a batch. It outlives the component, so that the requests that remain in it get outcomes too.
pub(super) struct Input {
    input: Source,
    /// Read from the stream, and not taken yet.
    peeked: Option<Numbered>,
    ended: bool,
}

/// Where the input of an instance comes from.
pub(super) enum Source {
    /// It is the batch's.
    Whole(BoxStream<'static, Numbered>),
    /// Other instances have a part of it, too.
    Dealt(Dealt),
}

impl Input {
    pub(super) fn new(input: Source) -> Self {
        Self { input, peeked: None, ended: false }
    }

    /// The instance has no room for more, so that others need not wait for it.
    pub(super) fn pause(&self) {
        if let Source::Dealt(dealt) = &self.input {
            dealt.pause();
        }
    }

    /// The instance takes no more. What it has not taken is left to the other instances, if there are any.
    pub(super) fn leave(&mut self) {
        if let Source::Dealt(dealt) = &self.input
            && !dealt.leave()
        {
            self.ended = true;
        }
    }

    /// Whether the input is known to have ended.
    pub(super) fn is_ended(&self) -> bool {
        self.ended && self.peeked.is_none()
    }

    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Numbered>> {
        ready!(self.poll_peek(cx));
        Poll::Ready(self.peeked.take())
    }

    /// What was read and will not be taken: no more is read for it.
    pub(super) fn take_peeked(&mut self) -> Option<Numbered> {
        self.peeked.take()
    }

    pub(super) async fn next(&mut self) -> Option<Numbered> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Ready when an entry can be taken or the input has ended.
    pub(super) fn poll_peek(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.peeked.is_none() && !self.ended {
            self.peeked = ready!(match &mut self.input {
                Source::Whole(input) => input.poll_next_unpin(cx),
                Source::Dealt(dealt) => dealt.poll_next_unpin(cx),
            });
            self.ended = self.peeked.is_none();
        }
        Poll::Ready(())
    }
}
