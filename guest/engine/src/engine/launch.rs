//! Starting attempts: a request's next one, or a hedge beside a slow one.

use super::Engine;
use super::admission::Admission;
use crate::bytes::FIRST_GRANT;
use crate::event::{Action, AttemptId, Key};
use crate::pending::attempt_expires;
use crate::queue::Turn;
use crate::state::{Attempt, HedgePlan, State, WaitReason};
use crate::{BodyMode, Hedge, Instant, Origins, Settings};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

impl<R> Engine<R> {
    /// Starts the next attempt or the hedge of a request, if its origin admits it.
    pub(super) fn start(&mut self, now: Instant, key: Key, origins: &mut Origins) {
        let is_hedge = self.pending.get(key).is_some_and(|pending| matches!(pending.state, State::Running(..)));
        if is_hedge {
            return self.start_hedge(now, key, origins);
        }
        match self.admission(now, key, origins) {
            Admission::Open => self.start_next(now, key, origins),
            Admission::Refused(next_probe) => self.reject_by_breaker(now, key, next_probe),
            Admission::Paced(until) => self.delay(now, key, until, origins),
            Admission::Full(until) => self.requeue(key, until, Turn::First),
        }
    }

    /// Starts the attempt that a request waits for.
    fn start_next(&mut self, now: Instant, key: Key, origins: &mut Origins) {
        let Settings { hedge, host_facts, .. } = self.settings;
        let Some(pending) = self.pending.get_mut(key) else { return };
        let State::Waiting(why) = pending.state else { return };
        pending.history.first_started.get_or_insert(now);
        if matches!(why, WaitReason::Retry | WaitReason::ConnectionClosed) {
            self.tally.retried();
        }
        let repeatable = pending.request.is_repeatable() && pending.history.hedge.is_none();
        let delay = hedge.filter(|_| repeatable).and_then(|hedge| too_long(hedge, &pending.url, origins));
        let plan = match delay {
            None => HedgePlan::Never,
            Some(_) if host_facts => HedgePlan::AfterSent,
            Some(delay) => HedgePlan::At(now + delay),
        };
        let answer = pending.history.answer.take();
        self.bytes.release(answer.as_ref().map_or(0, self.size));
        let Some(attempt) = self.launch(now, key, origins) else { return };
        if let Some(pending) = self.pending.get_mut(key) {
            pending.state = State::Running(attempt, plan);
        }
        if let HedgePlan::At(at) = plan {
            self.schedule_wake(at, key);
        }
    }

    /// The host has begun to send an attempt: the delay before its hedge counts from now.
    pub(super) fn sent(&mut self, now: Instant, attempt: AttemptId, origins: &Origins) {
        let Some(pending) = self.pending.get_mut(attempt.key) else { return };
        // An event that comes after the head says nothing about how long that was waited for.
        let running = pending.state.attempt_mut(attempt.number).filter(|running| running.head.is_none());
        let Some(running) = running else { return };
        running.sent = Some(now);
        let State::Running(_, plan @ HedgePlan::AfterSent) = &mut pending.state else { return };
        let delay = self.settings.hedge.and_then(|hedge| too_long(hedge, &pending.url, origins));
        *plan = delay.map_or(HedgePlan::Never, |delay| HedgePlan::At(now + delay));
        if let Some(delay) = delay {
            self.schedule_wake(now + delay, attempt.key);
        }
    }

    /// Enqueues a request for its hedge, if one is due.
    pub(super) fn queue_due_hedge(&mut self, now: Instant, key: Key) {
        let Some(pending) = self.pending.get_mut(key) else { return };
        match &mut pending.state {
            State::Running(attempt, plan @ HedgePlan::At(_)) if attempt.head.is_none() => match plan {
                HedgePlan::At(at) if *at <= now => *plan = HedgePlan::Due,
                HedgePlan::At(_) | HedgePlan::Never | HedgePlan::AfterSent | HedgePlan::Due => return,
            },
            State::Running(..) | State::Following | State::Waiting(_) | State::BackingOff(_) | State::Hedged(_) => {
                return;
            }
        }
        self.enqueue(key, Turn::Hedge);
    }

    /// Starts a hedge beside an attempt that has had no head for too long, charged to the retry budget.
    fn start_hedge(&mut self, now: Instant, key: Key, origins: &mut Origins) {
        let Some(pending) = self.pending.get(key) else { return };
        let (url, headless) = (pending.url.clone(), pending.attempt().is_some_and(|attempt| attempt.head.is_none()));
        let wanted = headless && !self.enough && origins.may_repeat(now, &url, &self.settings);
        // Admission comes last: a token that it takes cannot be given back.
        match wanted.then(|| self.admission(now, key, origins)) {
            None | Some(Admission::Refused(_)) => {
                if let Some(State::Running(_, plan)) = self.pending.get_mut(key).map(|pending| &mut pending.state) {
                    *plan = HedgePlan::Never;
                }
            }
            Some(Admission::Paced(until) | Admission::Full(until)) => self.requeue(key, until, Turn::Hedge),
            Some(Admission::Open) => {
                origins.repeat(now, &url, &self.settings);
                self.tally.hedged();
                self.launch_hedge(now, key, origins);
            }
        }
    }

    fn launch_hedge(&mut self, now: Instant, key: Key, origins: &mut Origins) {
        let Some(attempt) = self.launch(now, key, origins) else { return };
        let Some(pending) = self.pending.get_mut(key) else { return };
        pending.history.hedge = Some(attempt.number);
        pending.state = match std::mem::replace(&mut pending.state, State::Following) {
            State::Running(first, _) => State::Hedged(Box::new((first, attempt))),
            other => other,
        };
    }

    /// Starts an attempt, whether or not another is in flight.
    fn launch(&mut self, now: Instant, key: Key, origins: &mut Origins) -> Option<Attempt> {
        let pending = self.pending.get_mut(key)?;
        let (serial, may_reuse) = origins.admit(now, &pending.url, pending.history.attempts == 0, &self.settings);
        pending.history.attempts += 1;
        let number = pending.history.attempts;
        let expires = attempt_expires(now, self.settings.attempt_timeout, pending.expires);
        let attempt = Attempt {
            number,
            serial,
            started: now,
            sent: None,
            expires,
            head: None,
            facts: None,
            may_reuse,
            granted: FIRST_GRANT,
        };
        self.bytes.hold(FIRST_GRANT);
        self.queue.started(pending.origin);
        let (request, url, body, ends) =
            (Arc::clone(&pending.request), pending.url.clone(), pending.body, pending.expires);
        self.in_flight += 1;
        if body == BodyMode::Unread {
            self.unread.insert(attempt.id(key), ());
        }
        self.actions.push_back(Action::Start { attempt: attempt.id(key), request, url, body });
        self.tally.started(self.in_flight);
        if expires < ends {
            self.schedule_wake(expires, key);
        }
        Some(attempt)
    }
}

/// How long to wait for a head before a hedge is made, if that is known.
fn too_long(hedge: Hedge, url: &Url, origins: &Origins) -> Option<Duration> {
    match hedge {
        Hedge::After(delay) => Some(delay),
        Hedge::Auto => origins.get(url)?.latency.p95(),
    }
}
