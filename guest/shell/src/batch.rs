//! One batch: carries events to the engine and its actions out, until the engine says that it is over.

use crate::attempt::{self, AttemptEvent, Context as Attempts};
use crate::events::{self, Events};
use crate::queues::{BatchEnd, Caller, Reader, queues};
use crate::response::Response;
use crate::timer::Timer;
use crate::wasi::Wasi;
use fantail_engine::{Action, AttemptId, Engine, Event, Instant, Origins, Settings, Summary};
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
    ends: BatchEnd<W::Incoming>,
    alarm: Timer,
    shared: Attempts<W>,
    attempts: FuturesUnordered<Abortable<LocalBoxFuture<'static, Event<Answer<W>>>>>,
    /// By the attempt's slot: twice as many as `window` at most.
    running: Vec<Option<Running>>,
    /// There if the engine wants to know when attempts are sent, and the host may say.
    events: Option<Events<W::Incoming>>,
    /// Bodies handed out and not ended: as many as `max-unread` at most.
    unread: FuturesUnordered<LocalBoxFuture<'static, AttemptId>>,
}

struct Running {
    /// What the host knows it by.
    number: u64,
    handle: AbortHandle,
}

impl<W: Wasi> Batch<W> {
    /// A batch that `engine` decides, and its caller's end. It goes on while it is [run](Self::run).
    pub fn new(engine: Engine<Answer<W>>) -> (Self, Caller<W::Incoming>) {
        let (caller, ends) = queues(engine.settings());
        let shared = Attempts::new(engine.settings());
        let Settings { host_facts, hedge, .. } = *engine.settings();
        let batch = Self {
            events: (host_facts && hedge.is_some()).then(|| Events::read(shared.wasi())),
            shared,
            // No secret is made of it: it only keeps instances from waiting in step.
            engine: engine.with_seed(W::now().as_nanos()).with_copies(Response::copy).with_sizes(Response::size),
            ends,
            alarm: Timer::default(),
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
            self.ends.hold(self.engine.held_bytes());
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
                let number = events::number();
                let future = attempt::run(self.shared.clone(), (attempt, number), request, url, body);
                self.attempts.push(Abortable::new(Box::pin(future), registration));
                if self.running.len() <= attempt.slot() {
                    self.running.resize_with(attempt.slot() + 1, || None);
                }
                if let Some(slot) = self.running.get_mut(attempt.slot()) {
                    let before = slot.replace(Running { number, handle });
                    if let (Some(events), Some(before)) = (&mut self.events, before) {
                        events.ended(before.number);
                    }
                }
                if self.events.as_mut().is_some_and(|events| events.started(number, attempt)) {
                    self.tell(W::now(), Event::Sent { attempt });
                }
            }
            Action::Cancel(attempt) => {
                self.shared.grant(attempt);
                if let Some(running) = self.running.get_mut(attempt.slot()).and_then(Option::take) {
                    running.handle.abort();
                }
            }
            Action::Grant(attempt) => self.shared.grant(attempt),
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
        while let Some(Poll::Ready(sent)) = self.events.as_mut().map(|events| events.poll(cx)) {
            happened = true;
            sent.into_iter().for_each(|attempt| self.tell(now, Event::Sent { attempt }));
        }
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
                AttemptEvent::Head { attempt, status, retry_after, location, facts } => {
                    self.tell(now, Event::Head { attempt, status, retry_after, location, facts });
                }
                AttemptEvent::Wants { attempt, bytes } => self.tell(now, Event::Wants { attempt, bytes }),
                AttemptEvent::Unread(body) => self.unread.push(body),
            }
        }
        happened
    }
}
