//! The course of one request: from its arrival to its outcome, through as many attempts as it takes.

use super::{Engine, UNREAD_IN_LIST};
use crate::event::{Action, AttemptId, Key};
use crate::live::{Attempt, Live, attempt_expires};
use crate::origins::name;
use crate::redirect::{self, Hop};
use crate::{
    BodyMode, Cause, Failure, Instant, MAX_TIMEOUT, Origins, Outcome, Phase, Request, Settings, Timing, breaker, retry,
};
use std::sync::Arc;
use url::Url;

impl<R> Engine<R> {
    pub(super) fn arrive(&mut self, now: Instant, request: Request) {
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
                let lane = self.queue.enter(name(&url));
                let key = self.live.insert(Live::new(serial, request, url, body, lane, (now, expires)));
                self.remind(expires, key);
                self.enqueue(key, false);
            }
        }
    }

    /// Takes in the result of an attempt that is running: it ends its request, unless that is sent again.
    pub(super) fn conclude(
        &mut self,
        now: Instant,
        attempt: AttemptId,
        result: impl FnOnce(&Live) -> Result<R, Failure>,
        origins: &mut Origins,
    ) {
        let ends = self.batch_expires();
        let Some(live) = self.live.get_mut(attempt.key).filter(|live| live.is_running(attempt)) else { return };
        live.promote(attempt);
        let live = &*live;
        let mut result = result(live);
        if self.settings.breaker_ratio > 0
            && let Some(failed) = breaker::verdict(result.as_ref().err(), live.head().map(|head| head.status))
        {
            origins.breaker(now, &live.url).record(now, failed, &self.settings);
        }
        if let Some(rival) = live.rival_id(attempt.key) {
            if result.is_err() || retry::is_passing(live) {
                // The other one may do better.
                return self.drop_attempt(attempt);
            }
            if live.hedge == Some(attempt.number) {
                self.tally.hedge_won();
            }
            self.actions.push_back(Action::Cancel(rival));
            self.drop_attempt(rival);
        }
        let Some(live) = self.live.get(attempt.key) else { return };
        if result.is_ok() && !self.enough {
            match redirect::next_hop(live, self.settings.redirects) {
                Some(Ok(hop)) => return self.follow(attempt, hop),
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

    /// Sends a request where it was redirected to, before those that have not had their turn. Whatever its attempt brought is
    /// dropped.
    fn follow(&mut self, attempt: AttemptId, hop: Hop) {
        self.drop_attempt(attempt);
        if let Some(live) = self.live.get_mut(attempt.key) {
            self.queue.leave(live.lane);
            live.lane = self.queue.enter(name(&hop.url));
            live.request = Arc::new(hop.request);
            live.hops.push(std::mem::replace(&mut live.url, hop.url));
        }
        self.enqueue(attempt.key, true);
    }

    /// Starts a second attempt beside one that has had no head for as long as `hedge`, if there is room for it, and draws it
    /// from the budget that retries are drawn from.
    pub(super) fn hedge(&mut self, now: Instant, key: Key, origins: &mut Origins) {
        let Some(live) = self.live.get(key) else { return };
        let (Some(delay), Some(attempt)) = (self.settings.hedge, &live.attempt) else { return };
        let wanted = attempt.head.is_none() && attempt.started + delay <= now && live.hedge.is_none();
        let room = self.in_flight < self.settings.concurrency
            && self.queue.has_room(live.lane)
            && (live.body != BodyMode::Unread || self.unread.len() < self.settings.max_unread as usize);
        if !wanted || !room || !live.request.is_repeatable() || self.enough {
            return;
        }
        let url = live.url.clone();
        if self.left_alone_until(now, key, origins).is_none()
            && self.paced(now, key, origins).is_ok()
            && origins.budget(now, &url).spend(now, self.settings.retry_floor)
        {
            self.tally.hedged();
            self.launch(now, key);
            if let Some(live) = self.live.get_mut(key) {
                live.hedge = Some(live.attempts);
            }
        }
    }

    /// Gives back what an attempt held whose request goes on without it.
    fn drop_attempt(&mut self, attempt: AttemptId) {
        self.in_flight -= 1;
        self.unread.remove(&attempt);
        if let Some(live) = self.live.get_mut(attempt.key) {
            live.remove(attempt);
            self.queue.released(live.lane);
        }
    }

    /// Looks after a request again at that time, if it has no outcome by then.
    fn remind(&mut self, at: Instant, key: Key) {
        let (live, count) = (&self.live, self.live.len());
        self.timers.add(at, key, count, |key| live.contains(*key));
    }

    /// Lets a request wait for a slot.
    fn enqueue(&mut self, key: Key, first: bool) {
        let (live, count) = (&self.live, self.live.len());
        if let Some(place) = live.get(key).map(|live| live.place(first)) {
            self.queue.push(key, place, count, |key| live.is_waiting(key));
        }
    }

    /// Puts a request aside until it is sent again. Whatever its attempt brought is dropped.
    fn send_again(&mut self, attempt: AttemptId, at: Instant) {
        let key = attempt.key;
        self.drop_attempt(attempt);
        self.tally.retried();
        if let Some(live) = self.live.get_mut(key) {
            live.retries += 1;
            live.again_at = Some(at);
        }
        self.remind(at, key);
    }

    /// Whether its origin may be asked by now; if not, when it may.
    pub(super) fn paced(&self, now: Instant, key: Key, origins: &mut Origins) -> Result<(), Instant> {
        match (self.settings.rate, self.live.get(key)) {
            (Some(rate), Some(live)) => origins.pace(now, &live.url).take(now, rate, self.settings.burst),
            (None, _) | (_, None) => Ok(()),
        }
    }

    /// Puts a request back where it was, its origin to be asked later.
    pub(super) fn put_off(&mut self, key: Key, until: Instant) {
        if let Some(lane) = self.live.get(key).map(|live| live.lane) {
            self.queue.park(lane, until);
            self.enqueue(key, true);
        }
    }

    /// Until when its origin's breaker lets nothing through, if it does not now.
    pub(super) fn left_alone_until(&self, now: Instant, key: Key, origins: &mut Origins) -> Option<Instant> {
        let live = self.live.get(key).filter(|_| self.settings.breaker_ratio > 0)?;
        origins.breaker(now, &live.url).open_until(now)
    }

    /// Ends a request that its origin's breaker does not let through.
    pub(super) fn refuse(&mut self, now: Instant, key: Key, next_probe: Instant) {
        let probe = next_probe.since(now);
        let detail = format!("the origin failed too often and is left alone: next probe in {probe:?}");
        self.end(now, key, |live| Err(live.failure(Cause::BreakerOpen).with_detail(detail)));
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
            self.queue.released(live.lane);
        }
        self.queue.leave(live.lane);
        if !succeeded {
            self.unread.remove(&live.attempt_id(key));
        }
    }

    /// Ends a request from our side, its attempt cancelled.
    pub(super) fn abort(&mut self, now: Instant, key: Key, cause: Cause) {
        if let Some(rival) = self.live.get(key).and_then(|live| live.rival_id(key)) {
            self.actions.push_back(Action::Cancel(rival));
            self.drop_attempt(rival);
        }
        if let Some(live) = self.live.get(key).filter(|live| live.attempt.is_some()) {
            self.actions.push_back(Action::Cancel(live.attempt_id(key)));
        }
        self.end(now, key, |live| Err(live.failure(cause)));
    }

    /// Starts an attempt of a request that has had its turn.
    pub(super) fn start(&mut self, now: Instant, key: Key, origins: &mut Origins) {
        let Settings { retries, hedge, retry_ratio, breaker_ratio, .. } = self.settings;
        let Some(live) = self.live.get_mut(key) else { return };
        live.first_started.get_or_insert(now);
        if live.attempts == 0 && (retries > 0 || hedge.is_some()) {
            origins.budget(now, &live.url).earn(now, retry_ratio);
        }
        if breaker_ratio > 0 {
            origins.breaker(now, &live.url).let_through(now, &self.settings);
        }
        self.launch(now, key);
        if let Some(delay) = hedge {
            self.remind(now + delay, key);
        }
    }

    /// Sends a request, beside the attempt that it may have in flight.
    fn launch(&mut self, now: Instant, key: Key) {
        let Some(live) = self.live.get_mut(key) else { return };
        live.attempts += 1;
        let number = live.attempts;
        let expires = attempt_expires(now, self.settings.attempt_timeout, live.expires);
        let attempt = Attempt { number, started: now, expires, head: None };
        let place = if live.attempt.is_none() { &mut live.attempt } else { &mut live.rival };
        *place = Some(attempt);
        self.queue.started(live.lane);
        let (attempt, request, url) = (AttemptId { key, number }, Arc::clone(&live.request), live.url.clone());
        let body = live.body;
        self.actions.push_back(Action::Start { attempt, request, url, body });
        self.in_flight += 1;
        if body == BodyMode::Unread {
            self.unread.insert(attempt);
        }
        self.tally.started(self.in_flight);
        if expires < self.live.get(key).map_or(expires, |live| live.expires) {
            self.remind(expires, key);
        }
    }

    /// Lets a request go on that was to be sent again by now.
    pub(super) fn wake(&mut self, now: Instant, key: Key) {
        let Some(live) = self.live.get_mut(key).filter(|live| live.again_at.is_some_and(|at| at <= now)) else {
            return;
        };
        live.again_at = None;
        self.enqueue(key, false);
    }
}
