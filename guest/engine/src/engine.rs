//! The engine of one batch.

mod admission;
mod grant;
mod launch;
mod learn;
mod lifecycle;
mod share;

use crate::attempt_serial::BatchId;
use crate::bytes::{Bytes, FIRST_GRANT};
use crate::event::{Action, AttemptId, Event, Key};
use crate::identity::Identity;
use crate::pending::PendingSet;
use crate::queue::Queue;
use crate::random::Random;
use crate::reorder::Reorder;
use crate::sorted::Sorted;
use crate::state::{Attempt, Head};
use crate::summary::Tally;
use crate::timers::Timers;
use crate::{BodyMode, Cause, Instant, Origins, Outcome, Policy, PolicyError, Settings, Until};
use std::collections::{BTreeMap, VecDeque};

/// Decides one batch. Pass it events with the time they happened at; after each, or after each group of them, perform the
/// actions of [`Engine::next_action`] until there are none, and arm one timer for [`Engine::next_timer`].
#[derive(Debug)]
pub struct Engine<R> {
    settings: Settings,
    takes_list: bool,
    input: Input,
    /// The input ended before the batch was stopped.
    input_ended: bool,
    /// When the first outcome was asked for.
    started_at: Option<Instant>,
    /// Why the batch stopped before the end of its input.
    stop_cause: Option<Cause>,
    reader_gone: bool,
    finished: bool,
    /// Requests read so far; the next one's serial.
    serial: u64,
    pending: PendingSet<R>,
    queue: Queue,
    /// The id of this batch's reservations, if it may have any.
    batch: Option<BatchId>,
    in_flight: u32,
    /// Attempts in mode unread, and those whose bodies were handed out and have not ended.
    unread: Sorted<AttemptId, ()>,
    /// Outcomes made and not yet taken.
    untaken: u32,
    successes: u32,
    /// The condition of `until` is met.
    enough: bool,
    reorder: Reorder<Box<Outcome<R>>>,
    timers: Timers<Key>,
    tally: Tally,
    random: Random,
    /// Requests that identical ones may follow.
    leaders: BTreeMap<Identity, Key>,
    copy: Option<fn(&R) -> Option<R>>,
    /// How many bytes a response holds.
    size: fn(&R) -> u64,
    bytes: Bytes,
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
            started_at: None,
            stop_cause: None,
            reader_gone: false,
            finished: false,
            serial: 0,
            pending: PendingSet::new(),
            queue: Queue::new(settings.per_origin),
            batch: None,
            in_flight: 0,
            unread: Sorted::default(),
            untaken: 0,
            successes: 0,
            enough: false,
            reorder: Reorder::new(settings.order),
            timers: Timers::new(),
            tally: Tally::new(),
            random: Random::new(0),
            leaders: BTreeMap::new(),
            copy: None,
            size: |_| 0,
            bytes: Bytes::new(settings.window_bytes),
            actions: VecDeque::new(),
        })
    }

    /// The same for a caller that takes all outcomes at once. Refuses unread bodies: while they wait for the caller to
    /// read them, they would keep each other from being sent.
    pub fn for_list(policy: &Policy) -> Result<Self, PolicyError> {
        let engine = Self::new(policy)?;
        match engine.settings.body {
            BodyMode::Discard | BodyMode::Bytes => Ok(Self { takes_list: true, ..engine }),
            BodyMode::Unread => Err(PolicyError { field: "body", reason: UNREAD_IN_LIST.to_owned() }),
        }
    }

    /// Sets the seed of the random backoff. The same seed and the same events make the same batch.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.random = Random::new(seed);
        self
    }

    /// Sets how a response is copied for requests that share it; none if it cannot be. Without this nothing is shared.
    pub fn with_copies(mut self, copy: fn(&R) -> Option<R>) -> Self {
        self.copy = Some(copy);
        self
    }

    /// Sets how many bytes a response holds. Without this responses do not count towards the window of bytes.
    pub fn with_sizes(mut self, size: fn(&R) -> u64) -> Self {
        self.size = size;
        self
    }

    /// Bytes held by requests that were read, by bodies as far as they were granted, and by outcomes that were not
    /// taken.
    pub fn held_bytes(&self) -> u64 {
        self.bytes.held()
    }

    /// The policy with its defaults filled in.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The next thing to do, in the order it should be done.
    pub fn next_action(&mut self) -> Option<Action<R>> {
        self.actions.pop_front()
    }

    /// When to send [`Event::Timer`], or to let it [decide](Engine::decide) without an event, at the latest.
    pub fn next_timer(&mut self) -> Option<Instant> {
        let pending = &self.pending;
        let request = self.timers.next(|key| pending.contains(*key));
        let batch = self.batch_expires().filter(|_| self.stop_cause.is_none() && !self.finished);
        let paced = self.queue.next_unparked();
        request.into_iter().chain(batch).chain(paced).min()
    }

    /// Entries held for requests and what belongs to them: at most some 100 for each request of the window, and 300 (an
    /// attempt leaves up to three in the timers until they are due). For tests of memory bounds.
    pub fn entries(&self) -> usize {
        let groups = self.leaders.values().filter_map(|key| self.pending.get(*key)?.group.as_ref());
        let followers: usize = groups.map(|group| group.followers.len()).sum();
        let waiting = self.queue.entries() + self.timers.len() + self.reorder.len() + self.actions.len();
        self.pending.len() + self.unread.len() + self.leaders.len() + followers + waiting + self.bytes.entries()
    }

    /// Handles an event that happened at `now`. Events about attempts that have ended change nothing. `origins` are
    /// lent by the shell, the same to all its engines.
    pub fn handle(&mut self, now: Instant, event: Event<R>, origins: &mut Origins) {
        self.record(now, event, origins);
        self.decide(now, origins);
    }

    /// Records one of several events that are known at `now`: what has happened goes before what is due. [`Engine::decide`]
    /// has to follow before any action is performed.
    pub fn record(&mut self, now: Instant, event: Event<R>, origins: &mut Origins) {
        match event {
            Event::Demand => _ = self.started_at.get_or_insert(now),
            Event::Read { requests, ended } => {
                self.input = if ended { Input::Ended } else { Input::Idle };
                self.input_ended |= ended && self.stop_cause.is_none();
                for request in requests {
                    self.arrive(now, request, origins);
                }
            }
            Event::Head { attempt, status, retry_after, location, facts } => {
                if let Some(running) = self.pending.running_mut(attempt) {
                    running.head = Some(Head { at: now, status, retry_after, location });
                    running.facts = facts;
                }
            }
            Event::Wants { attempt, bytes } => {
                if self.pending.running_mut(attempt).is_some() {
                    self.bytes.want(attempt, bytes);
                }
            }
            Event::Ended { attempt, response, body_bytes } => {
                self.tally.body(body_bytes);
                self.finish_attempt(now, attempt, |_, _| Ok(response), origins);
            }
            Event::Failed { attempt, failed } => {
                if let Some(running) = self.pending.running_mut(attempt) {
                    running.facts = failed.report.as_ref().map(|report| report.facts).or(running.facts);
                }
                self.finish_attempt(
                    now,
                    attempt,
                    |running, repeatable| Err(running.failed(failed, repeatable)),
                    origins,
                );
            }
            Event::Sent { attempt } => self.sent(now, attempt, origins),
            Event::UnreadEnded { attempt } => _ = self.unread.remove(&attempt),
            Event::Taken(count) => {
                self.untaken = self.untaken.saturating_sub(count);
                self.bytes.taken(count);
            }
            Event::Timer => {}
            Event::Stop => self.stop(now, Cause::Cancelled),
            Event::ReaderGone => {
                self.reader_gone = true;
                self.untaken = 0;
                self.stop(now, Cause::Cancelled);
            }
        }
        // The others of a group come too late to count.
        if self.enough {
            self.stop(now, Cause::Cancelled);
        }
    }

    /// Does what is due and what has become possible after the events recorded.
    pub fn decide(&mut self, now: Instant, origins: &mut Origins) {
        self.expire(now, origins);
        self.proceed(now, origins);
    }

    /// Counts an outcome and emits it in the batch's order. `status` is its response's.
    fn emit(&mut self, serial: u64, status: Option<u16>, outcome: Outcome<R>) {
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
            let (actions, bytes, size) = (&mut self.actions, &mut self.bytes, self.size);
            bytes.hold(outcome_size(&outcome, size));
            self.reorder.push(serial, Box::new(outcome), |outcome| {
                bytes.handed_out(outcome_size(&outcome, size));
                actions.push_back(Action::Emit(outcome));
            });
        }
    }

    /// Ends the batch before its input ends: every request read gets its outcome now.
    fn stop(&mut self, now: Instant, cause: Cause) {
        if self.stop_cause.is_some() {
            return;
        }
        self.stop_cause = Some(cause);
        if self.input != Input::Ended {
            self.input = Input::Busy;
            self.actions.push_back(Action::CloseInput);
        }
        for key in self.pending.keys() {
            self.abort(now, key, cause);
        }
    }

    /// Ends requests and attempts that have run out of time, and resumes those that were waiting for a time.
    fn expire(&mut self, now: Instant, origins: &mut Origins) {
        while let Some(key) = self.timers.pop_due(now) {
            let Some(pending) = self.pending.get(key) else { continue };
            if pending.expires <= now {
                self.abort(now, key, Cause::TimeoutTotal);
            } else if let Some(attempt) = pending.expired_attempt(now, key) {
                self.actions.push_back(Action::Cancel(attempt));
                let failure = |running: &Attempt, repeatable| Err(running.failure(Cause::TimeoutAttempt, repeatable));
                self.finish_attempt(now, attempt, failure, origins);
            } else {
                self.wake(now, key);
                self.queue_due_hedge(now, key);
            }
        }
        self.queue.unpark(now);
        if self.batch_expires().is_some_and(|expires| expires <= now) && !self.finished {
            self.stop(now, Cause::Deadline);
        }
    }

    /// Does what has become possible: starts attempts, reads more, finishes.
    fn proceed(&mut self, now: Instant, origins: &mut Origins) {
        if self.started_at.is_some() && self.stop_cause.is_none() && !self.enough {
            self.start_waiting(now, origins);
            self.grant();
        }
        // A request that its breaker refused may have been the failure that ends the batch.
        if self.enough {
            self.stop(now, Cause::Cancelled);
        }
        if self.started_at.is_some() && self.stop_cause.is_none() {
            self.read_more();
        }
        self.release_reservations(origins);
        if self.input == Input::Ended && self.pending.len() == 0 && self.untaken == 0 && !self.finished {
            self.finished = true;
            let elapsed = now.since(self.started_at.unwrap_or(now));
            let summary = self.tally.close(elapsed, self.input_ended);
            self.actions.push_back(Action::Finish(Box::new(summary)));
        }
    }

    fn start_waiting(&mut self, now: Instant, origins: &mut Origins) {
        while self.in_flight < self.settings.concurrency && !self.enough {
            if !self.bytes.has_room(FIRST_GRANT) && !self.may_exceed_window() {
                return self.start_head_of_line(now, origins);
            }
            let unread_may_go = self.unread.len() < self.settings.max_unread as usize;
            let pending = &self.pending;
            let waits = |key, origin, for_hedge| pending.waits(key, origin, for_hedge);
            let Some(key) = self.queue.pop(unread_may_go, waits) else { break };
            self.start(now, key, origins);
        }
    }

    /// Reads more requests as far as both windows have room.
    fn read_more(&mut self) {
        let outstanding = u32::try_from(self.pending.len()).unwrap_or(u32::MAX).saturating_add(self.untaken);
        let room = self.settings.window.saturating_sub(outstanding);
        let has_room = self.bytes.has_room(0) || self.pending.len() == 0;
        if self.input == Input::Idle && room > 0 && has_room {
            self.input = Input::Busy;
            self.actions.push_back(Action::Read(room));
        }
    }

    fn batch_expires(&self) -> Option<Instant> {
        Some(self.started_at? + self.settings.deadline?)
    }
}

/// About how many bytes an outcome holds.
fn outcome_size<R>(outcome: &Outcome<R>, size: fn(&R) -> u64) -> u64 {
    const RECORD: u64 = 512;
    RECORD + outcome.result.as_ref().map_or(0, size)
}
