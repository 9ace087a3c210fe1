//! The two ends of a batch, as its caller's calls leave them.

use crate::bindings::exports::fantail::fetch::batch_p2::Response;
use fantail_engine::{Instant, Outcome, Request};
use fantail_shell::{Answer, Input, Outbox, Reader};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Poll};

/// Shared by a batch and its caller. `requests` and `outcomes` together are `window` at most.
#[derive(Default)]
pub(crate) struct Ends {
    /// Accepted, and not read by the engine yet.
    pub(crate) requests: VecDeque<Request>,
    /// No more will come: the caller has said so, or the engine.
    pub(crate) closed: bool,
    /// How many the engine waits for. All, once it has given up reading.
    asked: usize,
    /// Whether the engine knows that no more will come.
    ended: bool,
    /// There for the caller.
    pub(crate) outcomes: VecDeque<Outcome<Response>>,
    /// What the caller has done, for the engine to hear.
    pub(crate) asks: bool,
    pub(crate) taken: usize,
    pub(crate) left: bool,
}

/// One of the two ends.
#[derive(Clone, Default)]
pub(crate) struct End(pub(crate) Rc<RefCell<Ends>>);

impl Input for End {
    fn read(&mut self, count: usize) {
        self.0.borrow_mut().asked = count;
    }

    fn close(&mut self) {
        let mut ends = self.0.borrow_mut();
        (ends.asked, ends.closed) = (usize::MAX, true);
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<Answer> {
        let Ends { requests, closed, asked, ended, .. } = &mut *self.0.borrow_mut();
        if *asked == 0 || *ended || (requests.is_empty() && !*closed) {
            return Poll::Pending;
        }
        let count = std::mem::take(asked).min(requests.len());
        let read = requests.drain(..count).collect();
        *ended = *closed && requests.is_empty();
        Poll::Ready((read, *ended))
    }
}

impl Outbox<Response> for End {
    fn push(&mut self, outcome: Outcome<Response>) {
        self.0.borrow_mut().outcomes.push_back(outcome);
    }

    fn poll(&mut self, _: Instant, _: &mut Context<'_>) -> Poll<Reader> {
        let Ends { asks, taken, left, .. } = &mut *self.0.borrow_mut();
        if std::mem::take(left) {
            return Poll::Ready(Reader::Left);
        }
        if std::mem::take(asks) {
            return Poll::Ready(Reader::Asks);
        }
        match std::mem::take(taken) {
            0 => Poll::Pending,
            taken => Poll::Ready(Reader::took(taken)),
        }
    }
}
