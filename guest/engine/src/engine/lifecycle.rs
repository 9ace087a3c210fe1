//! The course of one request: from its arrival to its outcome, through as many attempts as it takes.

use super::{Engine, UNREAD_IN_LIST};
use crate::event::{AttemptId, Key};
use crate::pending::{Hop, Pending};
use crate::queue::{OriginQueueId, Turn};
use crate::redirect::{self, Next};
use crate::request::without_credentials;
use crate::retry::RetryDecision;
use crate::state::{Attempt, Second, State, Why};
use crate::{BodyMode, Cause, Failure, Instant, MAX_TIMEOUT, Origins, Outcome, Phase, Request, Sent, Timing, retry};
use std::sync::Arc;

impl<R> Engine<R> {
    pub(super) fn arrive(&mut self, now: Instant, request: Request, origins: &mut Origins) {
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
                let (id, url) = (request.id, without_credentials(&request.url).into_owned());
                let (hops, timing, result) = (Vec::new(), Timing::default(), Err(failure));
                self.give(serial, None, Outcome { id, url, attempts: 0, hops, timing, last_attempt: None, result });
            }
            Ok(url) => {
                let expires = now + request.overrides.timeout.unwrap_or(self.settings.timeout).min(MAX_TIMEOUT);
                let lane = self.lane(&url, origins);
                let live = Pending::new(serial, request, url, body, lane, (now, expires));
                self.bytes.hold(live.size);
                let key = self.live.insert(live);
                self.remind(expires, key);
                if !self.joins(key) {
                    self.wait(key, Why::First, Turn::Last);
                }
            }
        }
    }

    /// Takes in the result of an attempt that is running: it ends its request, unless that is sent again. `result` makes it of what is
    /// known of the attempt, and whether it may be repeated.
    pub(super) fn conclude(
        &mut self,
        now: Instant,
        attempt: AttemptId,
        result: impl FnOnce(&Attempt, bool) -> Result<R, Failure>,
        origins: &mut Origins,
    ) {
        let ends = self.batch_expires();
        let Some(live) = self.live.get(attempt.key) else { return };
        let Some(running) = live.state.attempts().find(|running| running.number == attempt.number) else { return };
        let mut result = result(running, live.request.is_repeatable());
        let found_closed = result.as_ref().err().is_some_and(|failure| retry::found_closed(live, running, failure));
        if !found_closed {
            self.learn(now, attempt, result.as_ref().err(), origins);
        }
        if !self.outdoes_other(now, attempt, &result) {
            return;
        }
        let Some(live) = self.live.get(attempt.key) else { return };
        if result.is_ok() && !self.enough {
            match redirect::next(live, self.settings.redirects) {
                Some(Ok(next)) => return self.follow(now, attempt.key, next, origins),
                Some(Err(failure)) => result = Err(failure),
                None => {}
            }
        }
        if found_closed && !self.enough {
            return self.renew(now, attempt.key, origins);
        }
        let failure = result.as_ref().err();
        match retry::again(now, live, failure, ends, &self.settings, origins, &mut self.random) {
            RetryDecision::At(at) if !self.enough => return self.back_off(now, attempt.key, at, result),
            RetryDecision::OutOfTime => self.part(attempt.key),
            RetryDecision::At(_) | RetryDecision::No => {}
        }
        self.end(now, attempt.key, result);
    }

    /// If there is another attempt beside this one, the other is waited for, which may do better; or it is given up. True if the request
    /// goes on with this one.
    fn outdoes_other(&mut self, now: Instant, attempt: AttemptId, result: &Result<R, Failure>) -> bool {
        let Some(live) = self.live.get_mut(attempt.key) else { return false };
        let (first, second) = match std::mem::replace(&mut live.state, State::Following) {
            State::RunningTwice(both) => *both,
            alone => {
                live.state = alone;
                return true;
            }
        };
        let (this, other) = if first.number == attempt.number { (first, second) } else { (second, first) };
        let better = match result {
            Ok(_) => !retry::is_passing(this.status()),
            Err(_) => false,
        };
        let (kept, given_up, sent) = match result {
            _ if better => (this, other, Sent::Maybe),
            Ok(_) => (other, this, Sent::Yes),
            Err(failure) => (other, this, failure.sent),
        };
        let sent = if given_up.head.is_some() { Sent::Yes } else { sent };
        live.over(now, &given_up, sent);
        live.state = State::Running(kept, Second::Never);
        let (won, lane) = (better && live.past.second == Some(attempt.number), live.lane);
        if better {
            self.actions.push_back(crate::Action::Cancel(given_up.id(attempt.key)));
        }
        if won {
            self.tally.second_won();
        }
        self.give_back(attempt.key, lane, &given_up);
        self.unread.remove(&given_up.id(attempt.key));
        better
    }

    /// Drops the one attempt of a request that is over: the request goes on without it.
    fn drop_attempt(&mut self, now: Instant, key: Key, sent: Sent) {
        let Some(live) = self.live.get_mut(key) else { return };
        match std::mem::replace(&mut live.state, State::Following) {
            State::Running(attempt, _) => {
                live.over(now, &attempt, sent);
                let lane = live.lane;
                self.give_back(key, lane, &attempt);
                self.unread.remove(&attempt.id(key));
            }
            other => live.state = other,
        }
    }

    /// Gives back what an attempt held that is over, but for its place among unread bodies: one that was handed out keeps that.
    fn give_back(&mut self, key: Key, lane: OriginQueueId, attempt: &Attempt) {
        self.in_flight -= 1;
        self.queue.released(lane);
        self.bytes.release(attempt.granted);
        self.bytes.forget(attempt.id(key));
    }

    /// Sends a request where it was redirected to, before those that have not had their turn. Whatever its attempt brought is
    /// dropped.
    fn follow(&mut self, now: Instant, key: Key, next: Next, origins: &mut Origins) {
        self.drop_attempt(now, key, Sent::Yes);
        let lane = self.lane(&next.url, origins);
        if let Some(live) = self.live.get_mut(key) {
            self.queue.leave(live.lane);
            live.lane = lane;
            let method = live.request.method.clone();
            live.request = Arc::new(next.request);
            let url = std::mem::replace(&mut live.url, next.url);
            live.past.hops.push(Hop { method, url });
        }
        self.wait(key, Why::Redirected, Turn::First);
    }

    /// Looks after a request again at that time, if it has no outcome by then.
    pub(super) fn remind(&mut self, at: Instant, key: Key) {
        let (live, count) = (&self.live, self.live.len());
        self.timers.add(at, key, count, |key| live.contains(*key));
    }

    /// Lets a request wait for a slot.
    pub(super) fn wait(&mut self, key: Key, why: Why, turn: Turn) {
        if let Some(live) = self.live.get_mut(key) {
            live.state = State::Waiting(why);
        }
        self.enqueue(key, turn);
    }

    /// Puts a request into the queue that waits for a slot.
    pub(super) fn enqueue(&mut self, key: Key, turn: Turn) {
        let (live, count) = (&self.live, self.live.len());
        if let Some(place) = live.get(key).map(|live| live.place(turn)) {
            self.queue.push(key, place, count, |key, lane, second| live.waits(key, lane, second));
        }
    }

    /// Puts a request aside until it is sent again. An answer that its attempt brought is kept until then, unless its body is still to be read, or
    /// there is no room for it: it would hold what the next may need.
    fn back_off(&mut self, now: Instant, key: Key, at: Instant, result: Result<R, Failure>) {
        let sent = result.as_ref().err().map_or(Sent::Yes, |failure| failure.sent);
        self.drop_attempt(now, key, sent);
        if let Some(live) = self.live.get_mut(key) {
            live.past.retries += 1;
            let fits = |answer: &R| self.bytes.has_room((self.size)(answer));
            live.past.answer = result.ok().filter(|answer| live.body != BodyMode::Unread && fits(answer));
            self.bytes.hold(live.past.answer.as_ref().map_or(0, self.size));
            live.state = State::BackingOff(at);
        }
        self.remind(at, key);
    }

    /// Lets a request go on that was to be sent again by now.
    pub(super) fn wake(&mut self, now: Instant, key: Key) {
        if self.live.get(key).is_some_and(|live| matches!(live.state, State::BackingOff(at) if at <= now)) {
            self.wait(key, Why::RetryDecision, Turn::Last);
        }
    }

    /// Sends a request again at once whose connection was found closed.
    fn renew(&mut self, now: Instant, key: Key, origins: &mut Origins) {
        let live = self.live.get(key);
        if let Some((url, found_closed)) = live.and_then(|live| Some((&live.url, live.attempt()?.admitted))) {
            // If it was a probe, the next is one too.
            origins.get_mut(url).into_iter().for_each(|known| known.breaker.release(found_closed));
        }
        self.drop_attempt(now, key, Sent::Maybe);
        if let Some(live) = self.live.get_mut(key) {
            live.past.renewed = true;
        }
        self.wait(key, Why::Closed, Turn::First);
    }

    /// Ends a request that is not sent any more: with the answer that it was to be sent again for, if there is one.
    pub(super) fn end_unsent(&mut self, now: Instant, key: Key, cause: Cause, detail: Option<String>) {
        let Some(live) = self.live.get_mut(key) else { return };
        let failure = Failure { detail, ..live.failure(cause) };
        let result = live.past.answer.take().ok_or(failure);
        self.bytes.release(result.as_ref().map_or(0, self.size));
        self.end(now, key, result);
    }

    /// Ends a request, and those that share what it got.
    fn end(&mut self, now: Instant, key: Key, result: Result<R, Failure>) {
        let Some(live) = self.live.remove(key) else { return };
        self.bytes.release(live.size);
        for attempt in live.state.attempts() {
            self.give_back(key, live.lane, attempt);
            if result.is_err() {
                self.unread.remove(&attempt.id(key));
            }
        }
        self.queue.leave(live.lane);
        let status = live.status();
        self.share(now, &live, status, &result);
        self.give(live.serial, status, live.outcome(now, result));
    }

    /// Ends a request from our side, its attempts cancelled.
    pub(super) fn abort(&mut self, now: Instant, key: Key, cause: Cause) {
        let Some(live) = self.live.get(key) else { return };
        self.actions.extend(live.state.attempts().map(|attempt| crate::Action::Cancel(attempt.id(key))));
        self.part(key);
        self.end_unsent(now, key, cause, None);
    }
}
