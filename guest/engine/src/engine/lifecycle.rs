//! The life of one request: from its arrival to its outcome, through as many attempts as it takes.

use super::{Engine, UNREAD_IN_LIST};
use crate::event::{AttemptId, Key};
use crate::pending::{Hop, Pending};
use crate::queue::{OriginQueueId, Turn};
use crate::redirect::{self, NextHop};
use crate::request::without_credentials;
use crate::retry::RetryDecision;
use crate::state::{Attempt, HedgePlan, State, WaitReason};
use crate::{BodyMode, Cause, Failure, Instant, MAX_TIMEOUT, Origins, Outcome, Phase, Request, Sent, Timing, retry};
use std::sync::Arc;

impl<R> Engine<R> {
    pub(super) fn arrive(&mut self, now: Instant, request: Request, origins: &mut Origins) {
        let serial = self.serial;
        self.serial += 1;
        self.tally.arrived();
        let body = request.options.body.unwrap_or(self.settings.body);
        let checked = match (self.stop_cause, request.check()) {
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
                self.emit(serial, None, Outcome { id, url, attempts: 0, hops, timing, last_attempt: None, result });
            }
            Ok(url) => {
                let expires = now + request.options.timeout.unwrap_or(self.settings.timeout).min(MAX_TIMEOUT);
                let origin = self.enter_origin_queue(&url, origins);
                let pending = Pending::new(serial, request, url, body, origin, (now, expires));
                self.bytes.hold(pending.size);
                let key = self.pending.insert(pending);
                self.schedule_wake(expires, key);
                if !self.join_group(key) {
                    self.wait_for_slot(key, WaitReason::First, Turn::Last);
                }
            }
        }
    }

    /// Handles the result of a running attempt: it ends the request, unless the request is sent again. `result` is made
    /// from the attempt and whether the request may be repeated.
    pub(super) fn finish_attempt(
        &mut self,
        now: Instant,
        attempt: AttemptId,
        result: impl FnOnce(&Attempt, bool) -> Result<R, Failure>,
        origins: &mut Origins,
    ) {
        let ends = self.batch_expires();
        let Some(pending) = self.pending.get(attempt.key) else { return };
        let Some(running) = pending.state.attempts().find(|running| running.number == attempt.number) else { return };
        let mut result = result(running, pending.request.is_repeatable());
        let hit_closed_connection =
            result.as_ref().err().is_some_and(|failure| retry::hit_closed_connection(pending, running, failure));
        if !hit_closed_connection {
            self.learn(now, attempt, result.as_ref().err(), origins);
        }
        if !self.settle_hedge(now, attempt, &result) {
            return;
        }
        let Some(pending) = self.pending.get(attempt.key) else { return };
        if result.is_ok() && !self.enough {
            match redirect::next_hop(pending, self.settings.redirects) {
                Some(Ok(next)) => return self.follow_redirect(now, attempt.key, next, origins),
                Some(Err(failure)) => result = Err(failure),
                None => {}
            }
        }
        if hit_closed_connection && !self.enough {
            return self.resend(now, attempt.key, origins);
        }
        let failure = result.as_ref().err();
        match retry::decide(now, pending, failure, ends, &self.settings, origins, &mut self.random) {
            RetryDecision::At(at) if !self.enough => return self.back_off(now, attempt.key, at, result),
            RetryDecision::OutOfTime => self.disband_group(attempt.key),
            RetryDecision::At(_) | RetryDecision::No => {}
        }
        self.end(now, attempt.key, result);
    }

    /// If a second attempt is in flight, keeps one of the two: this one if it is good, otherwise the other, which may
    /// do better. True if the request goes on with this one.
    fn settle_hedge(&mut self, now: Instant, attempt: AttemptId, result: &Result<R, Failure>) -> bool {
        let Some(pending) = self.pending.get_mut(attempt.key) else { return false };
        let (first, second) = match std::mem::replace(&mut pending.state, State::Following) {
            State::Hedged(both) => *both,
            alone => {
                pending.state = alone;
                return true;
            }
        };
        let (this, other) = if first.number == attempt.number { (first, second) } else { (second, first) };
        let better = match result {
            Ok(_) => !retry::is_retryable_status(this.status()),
            Err(_) => false,
        };
        let (kept, given_up, sent) = match result {
            _ if better => (this, other, Sent::Maybe),
            Ok(_) => (other, this, Sent::Yes),
            Err(failure) => (other, this, failure.sent),
        };
        let sent = if given_up.head.is_some() { Sent::Yes } else { sent };
        pending.record_ended(now, &given_up, sent);
        pending.state = State::Running(kept, HedgePlan::Never);
        let (won, origin) = (better && pending.history.hedge == Some(attempt.number), pending.origin);
        if better {
            self.actions.push_back(crate::Action::Cancel(given_up.id(attempt.key)));
        }
        if won {
            self.tally.hedge_won();
        }
        self.release_attempt(attempt.key, origin, &given_up);
        self.unread.remove(&given_up.id(attempt.key));
        better
    }

    /// Drops the ended attempt of a request that goes on without it.
    fn drop_attempt(&mut self, now: Instant, key: Key, sent: Sent) {
        let Some(pending) = self.pending.get_mut(key) else { return };
        match std::mem::replace(&mut pending.state, State::Following) {
            State::Running(attempt, _) => {
                pending.record_ended(now, &attempt, sent);
                let origin = pending.origin;
                self.release_attempt(key, origin, &attempt);
                self.unread.remove(&attempt.id(key));
            }
            other => pending.state = other,
        }
    }

    /// Releases what an ended attempt held, except its place among unread bodies: a body that was handed out keeps
    /// that.
    fn release_attempt(&mut self, key: Key, origin: OriginQueueId, attempt: &Attempt) {
        self.in_flight -= 1;
        self.queue.released(origin);
        self.bytes.release(attempt.granted);
        self.bytes.forget(attempt.id(key));
    }

    /// Sends a request to where it was redirected, ahead of requests that have not had their turn. Drops what its
    /// attempt brought.
    fn follow_redirect(&mut self, now: Instant, key: Key, next: NextHop, origins: &mut Origins) {
        self.drop_attempt(now, key, Sent::Yes);
        let origin = self.enter_origin_queue(&next.url, origins);
        if let Some(pending) = self.pending.get_mut(key) {
            self.queue.leave(pending.origin);
            pending.origin = origin;
            let method = pending.request.method.clone();
            pending.request = Arc::new(next.request);
            let url = std::mem::replace(&mut pending.url, next.url);
            pending.history.hops.push(Hop { method, url });
        }
        self.wait_for_slot(key, WaitReason::Redirected, Turn::First);
    }

    /// Schedules a wake-up for this request at `at`.
    pub(super) fn schedule_wake(&mut self, at: Instant, key: Key) {
        let (pending, count) = (&self.pending, self.pending.len());
        self.timers.add(at, key, count, |key| pending.contains(*key));
    }

    /// Makes a request wait for a slot.
    pub(super) fn wait_for_slot(&mut self, key: Key, why: WaitReason, turn: Turn) {
        if let Some(pending) = self.pending.get_mut(key) {
            pending.state = State::Waiting(why);
        }
        self.enqueue(key, turn);
    }

    /// Puts a request into the queue for slots.
    pub(super) fn enqueue(&mut self, key: Key, turn: Turn) {
        let (pending, count) = (&self.pending, self.pending.len());
        if let Some(place) = pending.get(key).map(|pending| pending.place(turn)) {
            self.queue.push(key, place, count, |key, origin, for_hedge| pending.waits(key, origin, for_hedge));
        }
    }

    /// Makes a request back off until it is sent again. Keeps its attempt's answer until then, unless the body is still
    /// to be read or there is no room for it: it would hold bytes that the next attempt may need.
    fn back_off(&mut self, now: Instant, key: Key, at: Instant, result: Result<R, Failure>) {
        let sent = result.as_ref().err().map_or(Sent::Yes, |failure| failure.sent);
        self.drop_attempt(now, key, sent);
        if let Some(pending) = self.pending.get_mut(key) {
            pending.history.retries += 1;
            let fits = |answer: &R| self.bytes.has_room((self.size)(answer));
            pending.history.answer = result.ok().filter(|answer| pending.body != BodyMode::Unread && fits(answer));
            self.bytes.hold(pending.history.answer.as_ref().map_or(0, self.size));
            pending.state = State::BackingOff(at);
        }
        self.schedule_wake(at, key);
    }

    /// Requeues a request whose backoff has ended.
    pub(super) fn wake(&mut self, now: Instant, key: Key) {
        if self.pending.get(key).is_some_and(|pending| matches!(pending.state, State::BackingOff(at) if at <= now)) {
            self.wait_for_slot(key, WaitReason::Retry, Turn::Last);
        }
    }

    /// Sends a request again at once because its connection was found closed.
    fn resend(&mut self, now: Instant, key: Key, origins: &mut Origins) {
        let pending = self.pending.get(key);
        if let Some((url, hit_closed_connection)) =
            pending.and_then(|pending| Some((&pending.url, pending.attempt()?.serial)))
        {
            // If it was a breaker's probe, the next attempt takes its place.
            origins.get_mut(url).into_iter().for_each(|known| known.breaker.release(hit_closed_connection));
        }
        self.drop_attempt(now, key, Sent::Maybe);
        if let Some(pending) = self.pending.get_mut(key) {
            pending.history.resent = true;
        }
        self.wait_for_slot(key, WaitReason::ConnectionClosed, Turn::First);
    }

    /// Ends a request that is not sent again: with the answer it backed off after, if there is one.
    pub(super) fn end_unsent(&mut self, now: Instant, key: Key, cause: Cause, detail: Option<String>) {
        let Some(pending) = self.pending.get_mut(key) else { return };
        let failure = Failure { detail, ..pending.failure(cause) };
        let result = pending.history.answer.take().ok_or(failure);
        self.bytes.release(result.as_ref().map_or(0, self.size));
        self.end(now, key, result);
    }

    /// Ends a request and its followers.
    fn end(&mut self, now: Instant, key: Key, result: Result<R, Failure>) {
        let Some(pending) = self.pending.remove(key) else { return };
        self.bytes.release(pending.size);
        for attempt in pending.state.attempts() {
            self.release_attempt(key, pending.origin, attempt);
            if result.is_err() {
                self.unread.remove(&attempt.id(key));
            }
        }
        self.queue.leave(pending.origin);
        let status = pending.status();
        self.finish_followers(now, &pending, status, &result);
        self.emit(pending.serial, status, pending.outcome(now, result));
    }

    /// Ends a request and cancels its attempts.
    pub(super) fn abort(&mut self, now: Instant, key: Key, cause: Cause) {
        let Some(pending) = self.pending.get(key) else { return };
        self.actions.extend(pending.state.attempts().map(|attempt| crate::Action::Cancel(attempt.id(key))));
        self.disband_group(key);
        self.end_unsent(now, key, cause, None);
    }
}
