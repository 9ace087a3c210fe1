//! The two ends of a batch whose caller hands over everything at once and takes everything at once.

use crate::batch::{Answer, Input, Outbox, Reader};
use fantail_engine::{Instant, Outcome, Request};
use std::task::{Context, Poll};

/// Requests that are there already.
pub struct ListInput<I> {
    requests: I,
    asked: usize,
    ended: bool,
}

impl<I: ExactSizeIterator<Item = Request>> ListInput<I> {
    /// From what has the requests.
    pub fn new(requests: I) -> Self {
        Self { requests, asked: 0, ended: false }
    }
}

impl<I: ExactSizeIterator<Item = Request>> Input for ListInput<I> {
    fn read(&mut self, count: usize) {
        self.asked = count;
    }

    fn close(&mut self) {
        self.asked = usize::MAX;
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<Answer> {
        if self.asked == 0 || self.ended {
            return Poll::Pending;
        }
        let requests = self.requests.by_ref().take(std::mem::take(&mut self.asked)).collect();
        self.ended = self.requests.len() == 0;
        Poll::Ready((requests, self.ended))
    }
}

/// Collects what comes.
pub struct ListOutbox<R> {
    outcomes: Vec<Outcome<R>>,
    taken: usize,
    asked: bool,
}

impl<R> Default for ListOutbox<R> {
    fn default() -> Self {
        Self { outcomes: Vec::new(), taken: 0, asked: false }
    }
}

impl<R> ListOutbox<R> {
    /// What has come.
    pub fn into_list(self) -> Vec<Outcome<R>> {
        self.outcomes
    }
}

impl<R> Outbox<R> for ListOutbox<R> {
    fn push(&mut self, outcome: Outcome<R>) {
        self.outcomes.push(outcome);
    }

    fn poll(&mut self, _: Instant, _: &mut Context<'_>) -> Poll<Reader> {
        if !std::mem::replace(&mut self.asked, true) {
            return Poll::Ready(Reader::Asks);
        }
        let new = self.outcomes.len() - std::mem::replace(&mut self.taken, self.outcomes.len());
        if new > 0 { Poll::Ready(Reader::took(new)) } else { Poll::Pending }
    }
}
