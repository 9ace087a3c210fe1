//! One batch: carries events to the engine and its actions out, until the engine says that it is over.

use crate::alarm::Alarm;
use crate::attempt::{self, Context as Attempts, Note};
use crate::queues::{Caller, Ends, Reader, queues};
use crate::response::Response;
use crate::wasi::Wasi;
use fantail_engine::{Action, AttemptId, Engine, Event, Instant, Origins, Summary};
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

/// What the engine carries for the shell.
type Answer<W> = Response<<W as Wasi>::Incoming>;

/// A batch under way.
pub struct Batch<W: Wasi> {
    engine: Engine<Answer<W>>,
    ends: Ends<W::Incoming>,
    alarm: Alarm,
    shared: Attempts<W>,
    attempts: FuturesUnordered<Abortable<LocalBoxFuture<'static, Event<Answer<W>>>>>,
    /// By the attempt's slot: twice as many as `window` at most.
    running: Vec<Option<AbortHandle>>,
    /// Bodies handed out and not ended: as many as `max-unread` at most.
    unread: FuturesUnordered<LocalBoxFuture<'static, AttemptId>>,
}

impl<W: Wasi> Batch<W> {
    /// A batch that `engine` decides, and its caller's end. It goes on while it is [run](Self::run).
    pub fn new(engine: Engine<Answer<W>>) -> (Self, Caller<W::Incoming>) {
        let (caller, ends) = queues(engine.settings().window);
        let batch = Self {
            shared: Attempts::new(engine.settings()),
            // No secret is made of it: it only keeps instances from waiting in step.
            engine: engine.with_seed(W::now().as_nanos()).with_copies(Response::copy),
            ends,
            alarm: Alarm::default(),
            attempts: FuturesUnordered::new(),
            running: Vec::new(),
            unread: FuturesUnordered::new(),
        };
        (batch, caller)
    }

    /// Runs until every outcome is taken or the caller is gone.
    pub async fn run(&mut self) {
        loop {
            while let Some(action) = self.engine.next_action() {
                if let Some(summary) = self.perform(action) {
                    return self.ends.end(summary);
                }
            }
            self.alarm.set::<W>(self.engine.next_timer());
            poll_fn(|cx| self.poll(cx)).await;
        }
    }

    /// Sees the bodies that were handed out to their end.
    pub async fn unread_bodies(&mut self) {
        while self.unread.next().await.is_some() {}
    }

    fn perform(&mut self, action: Action<Answer<W>>) -> Option<Summary> {
        match action {
            Action::Read(count) => self.ends.read(count),
            Action::CloseInput => self.ends.close(),
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
            Action::Emit(outcome) => self.ends.emit(*outcome),
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
        while let Some(reader) = self.ends.next_reader() {
            happened = true;
            let event = match reader {
                Reader::Asks => Event::Demand,
                Reader::Took(count) => Event::Taken(count),
                Reader::Stops => Event::Stop,
                Reader::Left => Event::ReaderGone,
            };
            self.tell(now, event);
        }
        while let Some((requests, ended)) = self.ends.next_read() {
            happened = true;
            self.tell(now, Event::Read { requests, ended });
        }
        while self.alarm.poll(now, cx).is_ready() {
            happened = true;
            self.tell(now, Event::Timer);
        }
        if happened {
            return Poll::Ready(());
        }
        self.ends.wait(cx);
        Poll::Pending
    }

    fn tell(&mut self, now: Instant, event: Event<Answer<W>>) {
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
