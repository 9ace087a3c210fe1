//! The engine of one batch.

use crate::event::{Action, AttemptId, Event, Key};
use crate::live::{Attempt, Head, Live, LiveSet, attempt_expires};
use crate::queue::Queue;
use crate::random::Random;
use crate::redirect::{self, Hop};
use crate::reorder::Reorder;
use crate::retry;
use crate::summary::Tally;
use crate::timers::Timers;
use crate::{
    BodyMode, Cause, Failure, Instant, MAX_TIMEOUT, Origins, Outcome, Phase, Policy, PolicyError, Request, Settings,
    Timing, Until,
};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use url::Url;

/// Decides one batch. Feed it events with the time they happened at; after each, do what [`Engine::next_action`] gives
/// until it gives nothing, and arm one timer for [`Engine::next_timer`].
#[derive(Debug)]
pub struct Engine<R> {
    settings: Settings,
    takes_list: bool,
    input: Input,
    /// The input came to its end by itself.
    input_ended: bool,
    /// When the first outcome was asked for.
    begun: Option<Instant>,
    /// Why the batch stopped before the end of its input.
    stopped: Option<Cause>,
    reader_gone: bool,
    finished: bool,
    /// Requests read so far; the next one's serial.
    serial: u64,
    live: LiveSet,
    queue: Queue,
    in_flight: u32,
    /// Attempts in mode unread, and those whose bodies were handed out and have not ended.
    unread: BTreeSet<AttemptId>,
    /// Outcomes made and not yet taken.
    untaken: u32,
    successes: u32,
    /// What `until` asks for has been reached.
    enough: bool,
    reorder: Reorder<Box<Outcome<R>>>,
    timers: Timers<Key>,
    tally: Tally,
    random: Random,
    actions: VecDeque<Action<R>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    Idle,
    /// A read or a close is under way.
    Busy,
    Ended,
}

const UNREAD_IN_LIST: &str = "unread bodies need a stream of outcomes: with a list use discard or bytes";

impl<R> Engine<R> {
    /// An engine for a batch under `policy`, which does nothing until the first [`Event::Demand`].
    pub fn new(policy: &Policy) -> Result<Self, PolicyError> {
        let settings = policy.resolve()?;
        Ok(Self {
            settings,
            takes_list: false,
            input: Input::Idle,
            input_ended: false,
            begun: None,
            stopped: None,
            reader_gone: false,
            finished: false,
            serial: 0,
            live: LiveSet::default(),
            queue: Queue::default(),
            in_flight: 0,
            unread: BTreeSet::new(),
            untaken: 0,
            successes: 0,
            enough: false,
            reorder: Reorder::new(settings.order),
            timers: Timers::new(),
            tally: Tally::new(),
            random: Random::new(0),
            actions: VecDeque::new(),
        })
    }

    /// The same for a caller that takes all outcomes at once. Unread bodies would then keep each other from being sent,
    /// so they are refused.
    pub fn for_list(policy: &Policy) -> Result<Self, PolicyError> {
        let engine = Self::new(policy)?;
        match engine.settings.body {
            BodyMode::Discard | BodyMode::Bytes => Ok(Self { takes_list: true, ..engine }),
            BodyMode::Unread => Err(PolicyError { field: "body", reason: UNREAD_IN_LIST.to_owned() }),
        }
    }

    /// Sets what chance goes by: how long retries wait. The same seed and the same events make the same batch.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.random = Random::new(seed);
        self
    }

    /// The policy with its defaults filled in.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The next thing to do, in the order it should be done.
    pub fn next_action(&mut self) -> Option<Action<R>> {
        self.actions.pop_front()
    }

    /// When to send [`Event::Timer`] at the latest.
    pub fn next_timer(&mut self) -> Option<Instant> {
        let live = &self.live;
        let request = self.timers.next(|key| live.contains(*key));
        let batch = self.batch_expires().filter(|_| self.stopped.is_none() && !self.finished);
        request.into_iter().chain(batch).min()
    }

    /// Takes in what happened, at `now`. Events about attempts that are over change nothing. `origins` are lent by the shell, the
    /// same to all its engines.
    pub fn handle(&mut self, now: Instant, event: Event<R>, origins: &mut Origins) {
        match event {
            Event::Demand => _ = self.begun.get_or_insert(now),
            Event::Read { requests, ended } => {
                self.input = if ended { Input::Ended } else { Input::Idle };
                self.input_ended |= ended && self.stopped.is_none();
                for request in requests {
                    self.arrive(now, request);
                }
            }
            Event::Head { attempt, status, retry_after, location } => {
                if let Some(running) = self.live.running_mut(attempt) {
                    running.head = Some(Head { at: now, status, retry_after, location });
                }
            }
            Event::Ended { attempt, response, body_bytes } => {
                self.tally.body(body_bytes);
                self.conclude(now, attempt, |_| Ok(response), origins);
            }
            Event::Failed { attempt, cause, detail } => {
                self.conclude(now, attempt, |live| Err(Failure { detail, ..live.failure(cause) }), origins);
            }
            Event::UnreadEnded { attempt } => _ = self.unread.remove(&attempt),
            Event::Taken(count) => self.untaken = self.untaken.saturating_sub(count),
            Event::Timer => {}
            Event::ReaderGone => {
                self.reader_gone = true;
                self.untaken = 0;
                self.stop(now, Cause::Cancelled);
            }
        }
        self.expire(now, origins);
        self.proceed(now, origins);
    }

    fn arrive(&mut self, now: Instant, request: Request) {
        let serial = self.serial;
        self.serial += 1;
        self.tally.arrived();
        let body = request.overrides.body.unwrap_or(self.settings.body);
        let checked = match (self.stopped, request.check()) {
            (_, Err(failure)) => Err(failure),
            (Some(cause), Ok(_)) => Err(Failure::unsent(cause, Phase::Queue)),
            (None, Ok(_)) if self.takes_list && body == BodyMode::Unread => {
                Err(Failure::new(Cause::InvalidRequest, true).with_detail(UNREAD_IN_LIST))
            }
            (None, Ok(url)) => Ok(url),
        };
        match checked {
            Err(failure) => {
                let Request { id, url, .. } = request;
                let (hops, timing) = (Vec::new(), Timing::default());
                self.give(serial, None, Outcome { id, url, attempts: 0, hops, timing, result: Err(failure) });
            }
            Ok(url) => {
                let expires = now + request.overrides.timeout.unwrap_or(self.settings.timeout).min(MAX_TIMEOUT);
                let request = Arc::new(request);
                let key = self.live.insert(Live::new(serial, request, url, body, now, expires));
                let (live, count) = (&self.live, self.live.len());
                self.timers.add(expires, key, count, |key| live.contains(*key));
                self.queue.push(key, body, count, |key| live.is_waiting(key));
            }
        }
    }

    /// Takes in the result of an attempt that is running: it ends its request, unless that is sent again.
    fn conclude(
        &mut self,
        now: Instant,
        attempt: AttemptId,
        result: impl FnOnce(&Live) -> Result<R, Failure>,
        origins: &mut Origins,
    ) {
        let ends = self.batch_expires();
        let Some(live) = self.live.get(attempt.key).filter(|live| live.is_running(attempt)) else { return };
        let mut result = result(live);
        if result.is_ok() && !self.enough {
            match redirect::next_hop(live, self.settings.redirects) {
                Some(Ok(hop)) => return self.follow(now, attempt, hop, origins),
                Some(Err(failure)) => result = Err(failure),
                None => {}
            }
        }
        let failure = result.as_ref().err();
        match retry::again_at(now, live, failure, ends, &self.settings, origins, &mut self.random) {
            Some(at) if !self.enough => self.send_again(attempt, at),
            Some(_) | None => self.end(now, attempt.key, |_| result),
        }
    }

    /// Sends a request where it was redirected to, in the slot it has. Whatever its attempt brought is dropped.
    fn follow(&mut self, now: Instant, attempt: AttemptId, hop: Hop, origins: &mut Origins) {
        self.in_flight -= 1;
        self.unread.remove(&attempt);
        if let Some(live) = self.live.get_mut(attempt.key) {
            live.attempt = None;
            live.request = Arc::new(hop.request);
            live.hops.push(std::mem::replace(&mut live.url, hop.url));
        }
        self.start(now, attempt.key, origins);
    }

    /// Puts a request aside until it is sent again. Whatever its attempt brought is dropped.
    fn send_again(&mut self, attempt: AttemptId, at: Instant) {
        let key = attempt.key;
        self.in_flight -= 1;
        self.unread.remove(&attempt);
        self.tally.retried();
        if let Some(live) = self.live.get_mut(key) {
            live.attempt = None;
            live.retries += 1;
            live.again_at = Some(at);
        }
        let (live, count) = (&self.live, self.live.len());
        self.timers.add(at, key, count, |key| live.contains(*key));
    }

    /// Ends a request.
    fn end(&mut self, now: Instant, key: Key, result: impl FnOnce(&Live) -> Result<R, Failure>) {
        let Some(live) = self.live.remove(key) else { return };
        let result = result(&live);
        self.release(key, &live, result.is_ok());
        let status = live.head().map(|head| head.status);
        let outcome = Outcome {
            id: live.request.id,
            attempts: live.attempts,
            hops: live.hops.iter().map(Url::to_string).collect(),
            timing: live.timing(now),
            url: live.url.into(),
            result,
        };
        self.give(live.serial, status, outcome);
    }

    /// Gives back what an attempt held. An unread body that was handed out is still held.
    fn release(&mut self, key: Key, live: &Live, succeeded: bool) {
        if live.attempt.is_some() {
            self.in_flight -= 1;
        }
        if !succeeded {
            self.unread.remove(&live.attempt_id(key));
        }
    }

    /// Ends a request from our side, its attempt cancelled.
    fn abort(&mut self, now: Instant, key: Key, cause: Cause) {
        self.cancel(key);
        self.end(now, key, |live| Err(live.failure(cause)));
    }

    fn cancel(&mut self, key: Key) {
        if let Some(live) = self.live.get(key).filter(|live| live.attempt.is_some()) {
            self.actions.push_back(Action::Cancel(live.attempt_id(key)));
        }
    }

    /// Counts an outcome and hands it on in its turn. `status` is that of its response.
    fn give(&mut self, serial: u64, status: Option<u16>, outcome: Outcome<R>) {
        self.tally.finished(&outcome, status);
        let succeeded = outcome.result.is_ok() && status.is_some_and(|status| status < 400);
        self.successes += u32::from(succeeded);
        self.enough |= match self.settings.until {
            Until::All => false,
            Until::Successes(wanted) => self.successes >= wanted,
            Until::FirstFailure => !succeeded,
        };
        if !self.reader_gone {
            self.untaken += 1;
            let actions = &mut self.actions;
            self.reorder.push(serial, Box::new(outcome), |outcome| actions.push_back(Action::Emit(outcome)));
        }
    }

    /// Ends the batch before its input does: every request read gets its outcome now.
    fn stop(&mut self, now: Instant, cause: Cause) {
        if self.stopped.is_some() {
            return;
        }
        self.stopped = Some(cause);
        if self.input != Input::Ended {
            self.input = Input::Busy;
            self.actions.push_back(Action::CloseInput);
        }
        for key in self.live.keys() {
            self.abort(now, key, cause);
        }
    }

    /// Ends what has run out of time, and lets go on what has waited for its time.
    fn expire(&mut self, now: Instant, origins: &mut Origins) {
        while let Some(key) = self.timers.pop_due(now) {
            let Some(live) = self.live.get(key) else { continue };
            match live.expired(now) {
                Some(Cause::TimeoutAttempt) => {
                    let attempt = live.attempt_id(key);
                    self.cancel(key);
                    self.conclude(now, attempt, |live| Err(live.failure(Cause::TimeoutAttempt)), origins);
                }
                Some(cause) => self.abort(now, key, cause),
                None => self.wake(now, key),
            }
        }
        if self.batch_expires().is_some_and(|expires| expires <= now) && !self.finished {
            self.stop(now, Cause::Deadline);
        }
    }

    /// Lets a request go on that was to be sent again by now.
    fn wake(&mut self, now: Instant, key: Key) {
        let Some(live) = self.live.get_mut(key).filter(|live| live.again_at.is_some_and(|at| at <= now)) else {
            return;
        };
        live.again_at = None;
        let body = live.body;
        let (live, count) = (&self.live, self.live.len());
        self.queue.push(key, body, count, |key| live.is_waiting(key));
    }

    /// Does what has become possible: start, read on, finish.
    fn proceed(&mut self, now: Instant, origins: &mut Origins) {
        if self.enough {
            self.stop(now, Cause::Cancelled);
        }
        if self.begun.is_some() && self.stopped.is_none() {
            self.start_waiting(now, origins);
            self.read_on();
        }
        if self.input == Input::Ended && self.live.len() == 0 && self.untaken == 0 && !self.finished {
            self.finished = true;
            let elapsed = now.since(self.begun.unwrap_or(now));
            let summary = self.tally.close(elapsed, self.input_ended);
            self.actions.push_back(Action::Finish(Box::new(summary)));
        }
    }

    fn start_waiting(&mut self, now: Instant, origins: &mut Origins) {
        while self.in_flight < self.settings.concurrency {
            let unread_may_go = self.unread.len() < self.settings.max_unread as usize;
            let live = &self.live;
            let Some(key) = self.queue.pop(unread_may_go, |key| live.is_waiting(key)) else { break };
            self.start(now, key, origins);
        }
    }

    fn start(&mut self, now: Instant, key: Key, origins: &mut Origins) {
        let Some(live) = self.live.get_mut(key) else { return };
        let expires = attempt_expires(now, self.settings.attempt_timeout, live.expires);
        live.attempt = Some(Attempt { started: now, expires, head: None });
        live.attempts += 1;
        live.first_started.get_or_insert(now);
        if live.attempts == 1 && self.settings.retries > 0 {
            origins.budget(now, &live.url).earn(now, self.settings.retry_ratio);
        }
        let (attempt, request, url, body) =
            (live.attempt_id(key), Arc::clone(&live.request), live.url.clone(), live.body);
        self.actions.push_back(Action::Start { attempt, request, url, body });
        self.in_flight += 1;
        if body == BodyMode::Unread {
            self.unread.insert(attempt);
        }
        self.tally.started(self.in_flight);
        if expires < self.live.get(key).map_or(expires, |live| live.expires) {
            let (live, count) = (&self.live, self.live.len());
            self.timers.add(expires, key, count, |key| live.contains(*key));
        }
    }

    /// Reads on when a good part of the window is free or nothing waits, so that reads are few and large.
    fn read_on(&mut self) {
        let outstanding = u32::try_from(self.live.len()).unwrap_or(u32::MAX).saturating_add(self.untaken);
        let room = self.settings.window.saturating_sub(outstanding);
        let nothing_waits = self.live.len() <= self.in_flight as usize;
        if self.input == Input::Idle && room > 0 && (nothing_waits || room >= self.settings.window / 4) {
            self.input = Input::Busy;
            self.actions.push_back(Action::Read(room));
        }
    }

    fn batch_expires(&self) -> Option<Instant> {
        Some(self.begun? + self.settings.deadline?)
    }
}
