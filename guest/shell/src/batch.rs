//! One batch: passes events to the engine and performs its actions, until the engine finishes.

use crate::attempt::{self, AttemptEvent, Context as AttemptContext};
use crate::events::{self, Events};
use crate::queues::{BatchEnd, Caller, ReaderEvent, queues};
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
    /// What all batches of this instance have learned about origins. Lent to an engine for one event at a time; engines
    /// do not call back, so it is never borrowed twice.
    static ORIGINS: RefCell<Origins> = RefCell::default();
}

/// What the engine carries for the shell.
type Answer<W> = Response<<W as Wasi>::Incoming>;

/// A batch under way.
pub struct Batch<W: Wasi> {
    engine: Engine<Answer<W>>,
    queues: BatchEnd<W::Incoming>,
    timer: Timer,
    context: AttemptContext<W>,
    attempts: FuturesUnordered<Abortable<LocalBoxFuture<'static, Event<Answer<W>>>>>,
    /// By the attempt's slot: at most twice as many as `window`.
    running: Vec<Option<Running>>,
    /// Present if the engine wants to know when attempts are sent, and the host may report it.
    events: Option<Events<W::Incoming>>,
    /// Bodies that were handed out and have not ended: at most `max-unread`.
    unread: FuturesUnordered<LocalBoxFuture<'static, AttemptId>>,
}

struct Running {
    /// The host's number for this attempt.
    number: u64,
    handle: AbortHandle,
}

impl<W: Wasi> Batch<W> {
    /// A batch driven by `engine`, and its caller's end. It makes progress while it is [run](Self::run).
    pub fn new(engine: Engine<Answer<W>>) -> (Self, Caller<W::Incoming>) {
        let (caller, queues) = queues(engine.settings());
        let context = AttemptContext::new(engine.settings());
        let Settings { host_facts, hedge, .. } = *engine.settings();
        let batch = Self {
            events: (host_facts && hedge.is_some()).then(|| Events::read(context.wasi())),
            context,
            // The seed is not secret: it only keeps instances from retrying in step.
            engine: engine.with_seed(W::now().as_nanos()).with_copies(Response::copy).with_sizes(Response::size),
            queues,
            timer: Timer::default(),
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
                    return self.queues.finish(summary);
                }
            }
            self.queues.set_held_bytes(self.engine.held_bytes());
            self.timer.set::<W>(self.engine.next_timer());
            poll_fn(|cx| self.poll(cx)).await;
        }
    }

    /// Waits until the bodies that were handed out have ended.
    pub async fn unread_bodies(&mut self) {
        while self.unread.next().await.is_some() {}
    }

    fn perform(&mut self, action: Action<Answer<W>>) -> Option<Summary> {
        match action {
            Action::Read(count) => self.queues.read(count),
            Action::CloseInput => self.queues.close(),
            Action::Start { attempt, request, url, body } => {
                let (handle, registration) = AbortHandle::new_pair();
                let number = events::next_number();
                let future = attempt::run(self.context.clone(), (attempt, number), request, url, body);
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
                    ORIGINS.with_borrow_mut(|origins| self.engine.handle(W::now(), Event::Sent { attempt }, origins));
                }
            }
            Action::Cancel(attempt) => {
                self.context.grant(attempt);
                if let Some(running) = self.running.get_mut(attempt.slot()).and_then(Option::take) {
                    running.handle.abort();
                }
            }
            Action::Grant(attempt) => self.context.grant(attempt),
            Action::Emit(outcome) => self.queues.emit(*outcome),
            Action::Finish(summary) => return Some(*summary),
        }
        None
    }

    /// Passes everything that has happened to the engine; ready if anything has. All of it gets the same time, since
    /// reading the clock for each event would cost more than it is worth, and is decided about together.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = W::now();
        let mut happened = false;
        while let Poll::Ready(Some(ended)) = self.attempts.poll_next_unpin(cx) {
            happened = true;
            self.take_events(now);
            // The engine itself aborted the others.
            if let Ok(event) = ended {
                self.record(now, event);
            }
        }
        happened |= self.take_events(now);
        while let Some(Poll::Ready(sent)) = self.events.as_mut().map(|events| events.poll(cx)) {
            happened = true;
            sent.into_iter().for_each(|attempt| self.record(now, Event::Sent { attempt }));
        }
        while let Poll::Ready(Some(attempt)) = self.unread.poll_next_unpin(cx) {
            happened = true;
            self.record(now, Event::UnreadEnded { attempt });
        }
        while let Some(event) = self.queues.next_reader_event() {
            happened = true;
            let event = match event {
                ReaderEvent::Demand => Event::Demand,
                ReaderEvent::Taken(count) => Event::Taken(count),
                ReaderEvent::Stopped => Event::Stop,
                ReaderEvent::Left => Event::ReaderGone,
            };
            self.record(now, event);
        }
        while let Some((requests, ended)) = self.queues.next_read() {
            happened = true;
            self.record(now, Event::Read { requests, ended });
        }
        happened |= self.timer.poll(now, cx).is_ready();
        if happened {
            ORIGINS.with_borrow_mut(|origins| self.engine.decide(now, origins));
            return Poll::Ready(());
        }
        self.queues.register(cx);
        Poll::Pending
    }

    fn record(&mut self, now: Instant, event: Event<Answer<W>>) {
        ORIGINS.with_borrow_mut(|origins| self.engine.record(now, event, origins));
    }

    /// Passes on what attempts have reported before they end.
    fn take_events(&mut self, now: Instant) -> bool {
        let events = self.context.take_events();
        let happened = !events.is_empty();
        for event in events {
            match event {
                AttemptEvent::Head { attempt, status, retry_after, location, facts } => {
                    self.record(now, Event::Head { attempt, status, retry_after, location, facts });
                }
                AttemptEvent::Wants { attempt, bytes } => self.record(now, Event::Wants { attempt, bytes }),
                AttemptEvent::Unread(body) => self.unread.push(body),
            }
        }
        happened
    }
}
