//! One batch: carries events to the engine and its actions out, until the engine says that it is over.

use crate::alarm::Alarm;
use crate::attempt::{self, Context as Attempts, Note};
use crate::wasi::Wasi;
use fantail_engine::{Action, AttemptId, Engine, Event, Instant, Origins, Outcome, Request, Summary};
use futures::StreamExt;
use futures::future::{AbortHandle, Abortable, LocalBoxFuture, poll_fn};
use futures::stream::FuturesUnordered;
use std::cell::RefCell;
use std::task::{Context, Poll};

thread_local! {
    /// What all batches of this instance have learned of origins. Lent to an engine for one event at a time, and an engine calls
    /// nobody: it is never lent twice.
    static ORIGINS: RefCell<Origins> = RefCell::default();
}

/// An answer to the engine: what was read, and whether that was the end.
pub type Answer = (Vec<Request>, bool);

/// Requests on their way in.
pub trait Input {
    /// Asks for that many.
    fn read(&mut self, count: usize);
    /// Gives up reading. What a read under way got, and what is there already, still comes as the answer.
    fn close(&mut self);
    /// One answer to each read, or to the close in its place.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Answer>;
}

/// Outcomes on their way out, and how the reader's wishes are learned.
pub trait Outbox<R> {
    /// One more, for the reader to take.
    fn push(&mut self, outcome: Outcome<R>);
    /// What the reader has done meanwhile.
    fn poll(&mut self, now: Instant, cx: &mut Context<'_>) -> Poll<Reader>;
    /// When to look after the reader again although nothing happened.
    fn next_probe(&self) -> Option<Instant> {
        None
    }
    /// Tells the reader that nothing more comes.
    fn close(&mut self) {}
}

/// What the reader did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// It waits for an outcome.
    Asks,
    /// It has taken so many.
    Took(u32),
    /// It is gone.
    Left,
}

impl Reader {
    /// It has taken so many.
    pub fn took(outcomes: usize) -> Self {
        Self::Took(u32::try_from(outcomes).unwrap_or(u32::MAX))
    }
}

/// A batch under way.
pub struct Batch<W: Wasi, I, O> {
    engine: Engine<W::Response>,
    input: I,
    outbox: O,
    alarm: Alarm,
    shared: Attempts<W>,
    attempts: FuturesUnordered<Abortable<LocalBoxFuture<'static, Event<W::Response>>>>,
    /// By the attempt's slot: twice as many as `window` at most.
    running: Vec<Option<AbortHandle>>,
    /// Bodies handed out and not ended: as many as `max-unread` at most.
    unread: FuturesUnordered<LocalBoxFuture<'static, AttemptId>>,
}

impl<W: Wasi, I: Input, O: Outbox<W::Response>> Batch<W, I, O> {
    /// Between these two ends.
    pub fn new(engine: Engine<W::Response>, input: I, outbox: O) -> Self {
        Self {
            shared: Attempts::new(engine.settings()),
            // No secret is made of it: it only keeps instances from waiting in step.
            engine: engine.with_seed(W::now().as_nanos()).with_copies(W::copy),
            input,
            outbox,
            alarm: Alarm::default(),
            attempts: FuturesUnordered::new(),
            running: Vec::new(),
            unread: FuturesUnordered::new(),
        }
    }

    /// Runs until every outcome is taken or the reader is gone.
    pub async fn run(&mut self) -> Summary {
        loop {
            while let Some(action) = self.engine.next_action() {
                if let Some(summary) = self.perform(action) {
                    return summary;
                }
            }
            self.alarm.set::<W>(self.engine.next_timer().into_iter().chain(self.outbox.next_probe()).min());
            poll_fn(|cx| self.poll(cx)).await;
        }
    }

    /// Sees the bodies that were handed out to their end.
    pub async fn unread_bodies(&mut self) {
        self.outbox.close();
        while self.unread.next().await.is_some() {}
    }

    /// The end that the outcomes went to.
    pub fn into_outbox(self) -> O {
        self.outbox
    }

    fn perform(&mut self, action: Action<W::Response>) -> Option<Summary> {
        match action {
            Action::Read(count) => self.input.read(count as usize),
            Action::CloseInput => self.input.close(),
            Action::Start { attempt, request, url, body } => {
                let (handle, registration) = AbortHandle::new_pair();
                let future = attempt::run(self.shared.clone(), attempt, request, url, body);
                self.attempts.push(Abortable::new(Box::pin(future), registration));
                if self.running.len() <= attempt.slot() {
                    self.running.resize(attempt.slot() + 1, None);
                }
                if let Some(slot) = self.running.get_mut(attempt.slot()) {
                    *slot = Some(handle);
                }
            }
            Action::Cancel(attempt) => {
                if let Some(handle) = self.running.get_mut(attempt.slot()).and_then(Option::take) {
                    handle.abort();
                }
            }
            Action::Emit(outcome) => self.outbox.push(*outcome),
            Action::Finish(summary) => return Some(*summary),
        }
        None
    }

    /// Takes in everything that has happened; ready if anything has. All of it counts as happening now: reading the clock
    /// for each event would cost more than it tells.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = W::now();
        let mut happened = false;
        while let Poll::Ready(Some(ended)) = self.attempts.poll_next_unpin(cx) {
            happened = true;
            self.take_notes(now);
            // An aborted attempt was the engine's own wish.
            if let Ok(event) = ended {
                self.tell(now, event);
            }
        }
        happened |= self.take_notes(now);
        while let Poll::Ready(Some(attempt)) = self.unread.poll_next_unpin(cx) {
            happened = true;
            self.tell(now, Event::UnreadEnded { attempt });
        }
        while let Poll::Ready(reader) = self.outbox.poll(now, cx) {
            happened = true;
            let event = match reader {
                Reader::Asks => Event::Demand,
                Reader::Took(count) => Event::Taken(count),
                Reader::Left => Event::ReaderGone,
            };
            self.tell(now, event);
        }
        while let Poll::Ready((requests, ended)) = self.input.poll(cx) {
            happened = true;
            self.tell(now, Event::Read { requests, ended });
        }
        while self.alarm.poll(now, cx).is_ready() {
            happened = true;
            self.tell(now, Event::Timer);
        }
        if happened { Poll::Ready(()) } else { Poll::Pending }
    }

    fn tell(&mut self, now: Instant, event: Event<W::Response>) {
        ORIGINS.with_borrow_mut(|origins| self.engine.handle(now, event, origins));
    }

    /// Takes what attempts have reported on their way.
    fn take_notes(&mut self, now: Instant) -> bool {
        let notes = self.shared.take_notes();
        let happened = !notes.is_empty();
        for note in notes {
            match note {
                Note::Head { attempt, status, retry_after, location } => {
                    self.tell(now, Event::Head { attempt, status, retry_after, location });
                }
                Note::Unread(body) => self.unread.push(body),
            }
        }
        happened
    }
}
