//! The course of one request: from its arrival to its outcome, through as many attempts as it takes.

use super::{Engine, UNREAD_IN_LIST};
use crate::event::{Action, AttemptId, Key};
use crate::live::{Attempt, Live, Renewal, attempt_expires};
use crate::origins::name;
use crate::queue::LaneId;
use crate::redirect::{self, Hop};
use crate::request::without_credentials;
use crate::retry::Again;
use crate::{
    BodyMode, Cause, Failure, Hedge, Instant, MAX_TIMEOUT, Origins, Outcome, Phase, Request, Settings, Timing, retry,
};
use std::sync::Arc;
use url::Url;

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
                let (hops, timing) = (Vec::new(), Timing::default());
                self.give(serial, None, Outcome { id, url, attempts: 0, hops, timing, result: Err(failure) });
            }
            Ok(url) => {
                let expires = now + request.overrides.timeout.unwrap_or(self.settings.timeout).min(MAX_TIMEOUT);
                let request = Arc::new(request);
                let lane = self.lane(now, &url, origins);
                let key = self.live.insert(Live::new(serial, request, url, body, lane, (now, expires)));
                self.remind(expires, key);
                if !self.joins(key) {
                    self.enqueue(key, false);
                }
            }
        }
    }

    /// The lane of an origin, with the limit that was learned for it.
    fn lane(&mut self, now: Instant, url: &Url, origins: &mut Origins) -> LaneId {
        let lane = self.queue.enter(name(url));
        if let Some(bounds) = self.settings.adaptive() {
            self.queue.set_limit(lane, origins.known(now, url).adaptive.limit(bounds));
        }
        lane
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
        let mut result = result(live);
        let found_closed = result.as_ref().err().is_some_and(|failure| retry::found_closed(live, failure));
        if !found_closed {
            self.learn(now, attempt.key, result.as_ref().err(), origins);
        }
        let Some(live) = self.live.get(attempt.key) else { return };
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
                Some(Ok(hop)) => return self.follow(now, attempt, hop, origins),
                Some(Err(failure)) => result = Err(failure),
                None => {}
            }
        }
        if found_closed && !self.enough {
            return self.renew(attempt);
        }
        let failure = result.as_ref().err();
        match retry::again(now, live, failure, ends, &self.settings, origins, &mut self.random) {
            Again::At(at) if !self.enough => return self.send_again(attempt, at),
            Again::OutOfTime => self.part(attempt.key),
            Again::At(_) | Again::No => {}
        }
        self.end(now, attempt.key, |_| result);
    }

    /// Sends a request where it was redirected to, before those that have not had their turn. Whatever its attempt brought is
    /// dropped.
    fn follow(&mut self, now: Instant, attempt: AttemptId, hop: Hop, origins: &mut Origins) {
        self.drop_attempt(attempt);
        let lane = self.lane(now, &hop.url, origins);
        if let Some(live) = self.live.get_mut(attempt.key) {
            self.queue.leave(live.lane);
            live.lane = lane;
            live.request = Arc::new(hop.request);
            live.hops.push(std::mem::replace(&mut live.url, hop.url));
        }
        self.enqueue(attempt.key, true);
    }

    /// Gives back what an attempt held whose request goes on without it.
    pub(super) fn drop_attempt(&mut self, attempt: AttemptId) {
        self.in_flight -= 1;
        self.unread.remove(&attempt);
        if let Some(live) = self.live.get_mut(attempt.key) {
            live.remove(attempt);
            self.queue.released(live.lane);
        }
    }

    /// Looks after a request again at that time, if it has no outcome by then.
    pub(super) fn remind(&mut self, at: Instant, key: Key) {
        let (live, count) = (&self.live, self.live.len());
        self.timers.add(at, key, count, |key| live.contains(*key));
    }

    /// Lets a request wait for a slot.
    pub(super) fn enqueue(&mut self, key: Key, first: bool) {
        let (live, count) = (&self.live, self.live.len());
        if let Some(place) = live.get(key).map(|live| live.place(first)) {
            self.queue.push(key, place, count, |key| live.is_waiting(key));
        }
    }

    /// Puts a request aside until it is sent again. Whatever its attempt brought is dropped.
    fn send_again(&mut self, attempt: AttemptId, at: Instant) {
        let key = attempt.key;
        self.drop_attempt(attempt);
        if let Some(live) = self.live.get_mut(key) {
            live.retries += 1;
            live.repeats = true;
            live.again_at = Some(at);
        }
        self.remind(at, key);
    }

    /// Sends a request again at once whose connection was found closed.
    fn renew(&mut self, attempt: AttemptId) {
        self.drop_attempt(attempt);
        if let Some(live) = self.live.get_mut(attempt.key) {
            live.renewal = Renewal::Due;
            live.repeats = true;
        }
        self.enqueue(attempt.key, true);
    }

    /// Whether its origin may be asked by now; if not, when it may.
    pub(super) fn paced(&self, now: Instant, key: Key, origins: &mut Origins) -> Result<(), Instant> {
        match (self.settings.rate, self.live.get(key)) {
            (Some(rate), Some(live)) => origins.known(now, &live.url).pace.take(now, rate, self.settings.burst),
            (None, _) | (_, None) => Ok(()),
        }
    }

    /// Puts a request back where it was, its origin to be asked later; or ends it, if it would be too late then.
    pub(super) fn put_off(&mut self, now: Instant, key: Key, until: Instant) {
        let Some(live) = self.live.get(key) else { return };
        let (lane, too_late) = (live.lane, live.expires <= until);
        if too_late || self.batch_expires().is_some_and(|ends| ends <= until) {
            let cause = if too_late { Cause::TimeoutTotal } else { Cause::Deadline };
            let wait = until.since(now);
            let detail = format!("the rate lets its origin be asked in {wait:?}, which is too late");
            self.part(key);
            return self.end(now, key, |live| Err(live.failure(cause).with_detail(detail)));
        }
        self.queue.park(lane, until);
        self.enqueue(key, true);
    }

    /// Until when its origin's breaker lets nothing through, if it does not now.
    pub(super) fn left_alone_until(&self, now: Instant, key: Key, origins: &mut Origins) -> Option<Instant> {
        let live = self.live.get(key).filter(|_| self.settings.breaker_ratio > 0)?;
        // It has been let through, and has not been answered.
        if live.renewal == Renewal::Due {
            return None;
        }
        origins.known(now, &live.url).breaker.open_until(now)
    }

    /// Ends a request that its origin's breaker does not let through.
    pub(super) fn refuse(&mut self, now: Instant, key: Key, next_probe: Instant) {
        let probe = next_probe.since(now);
        let detail = format!("the origin failed too often and is left alone: next probe in {probe:?}");
        self.end(now, key, |live| Err(live.failure(Cause::BreakerOpen).with_detail(detail)));
    }

    /// Ends a request, and those that share what it got.
    fn end(&mut self, now: Instant, key: Key, result: impl FnOnce(&Live) -> Result<R, Failure>) {
        let Some(live) = self.live.remove(key) else { return };
        let result = result(&live);
        self.release(key, &live, result.is_ok());
        let status = live.head().map(|head| head.status);
        self.share(now, &live, status, &result);
        self.give(live.serial, status, live.outcome(now, result));
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
        self.part(key);
        self.end(now, key, |live| Err(live.failure(cause)));
    }

    /// Starts an attempt of a request that has had its turn.
    pub(super) fn start(&mut self, now: Instant, key: Key, origins: &mut Origins) {
        let Settings { retries, hedge, retry_ratio, breaker_ratio, .. } = self.settings;
        let Some(live) = self.live.get_mut(key) else { return };
        let known = origins.known(now, &live.url);
        live.first_started.get_or_insert(now);
        if live.attempts == 0 && (retries > 0 || hedge.is_some()) {
            known.budget.earn(now, retry_ratio);
        }
        if breaker_ratio > 0 {
            known.breaker.let_through(now, &self.settings);
        }
        live.hedge_at = match hedge {
            Some(Hedge::After(delay)) => Some(now + delay),
            Some(Hedge::Auto) => known.slowness.p95().map(|delay| now + delay),
            None => None,
        };
        let hedge_at = live.hedge_at;
        if live.renewal == Renewal::Due {
            live.renewal = Renewal::Done;
        }
        if std::mem::take(&mut live.repeats) {
            self.tally.retried();
        }
        self.launch(now, key, known.kept.take());
        if let Some(at) = hedge_at {
            self.remind(at, key);
        }
    }

    /// Sends a request, beside the attempt that it may have in flight.
    pub(super) fn launch(&mut self, now: Instant, key: Key, kept: bool) {
        let Some(live) = self.live.get_mut(key) else { return };
        live.attempts += 1;
        let number = live.attempts;
        let expires = attempt_expires(now, self.settings.attempt_timeout, live.expires);
        let attempt = Attempt { number, started: now, expires, head: None, kept };
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
