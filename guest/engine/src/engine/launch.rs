//! Attempts that are started: a request's next, or a second beside one that takes long.

use super::Engine;
use super::admission::Admission;
use crate::bytes::FIRST_GRANT;
use crate::event::{Action, AttemptId, Key};
use crate::pending::attempt_expires;
use crate::queue::Turn;
use crate::state::{Attempt, Second, State, Why};
use crate::{BodyMode, Hedge, Instant, Origins, Settings};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

impl<R> Engine<R> {
    /// Starts what has its turn, if its origin may be asked by now.
    pub(super) fn start(&mut self, now: Instant, key: Key, origins: &mut Origins) {
        let second = self.live.get(key).is_some_and(|live| matches!(live.state, State::Running(..)));
        if second {
            return self.start_second(now, key, origins);
        }
        match self.gate(now, key, origins) {
            Admission::Open => self.start_next(now, key, origins),
            Admission::Refused(next_probe) => self.refuse(now, key, next_probe),
            Admission::Paced(until) => self.pace(now, key, until, origins),
            Admission::Full(until) => self.put_back(key, until, Turn::First),
        }
    }

    /// Starts the next attempt of a request that waits for it.
    fn start_next(&mut self, now: Instant, key: Key, origins: &mut Origins) {
        let Settings { hedge, host_facts, .. } = self.settings;
        let Some(live) = self.live.get_mut(key) else { return };
        let State::Waiting(why) = live.state else { return };
        live.past.first_started.get_or_insert(now);
        if matches!(why, Why::RetryDecision | Why::Closed) {
            self.tally.retried();
        }
        let repeatable = live.request.is_repeatable() && live.past.second.is_none();
        let delay = hedge.filter(|_| repeatable).and_then(|hedge| too_long(hedge, &live.url, origins));
        let second = match delay {
            None => Second::Never,
            Some(_) if host_facts => Second::AfterSent,
            Some(delay) => Second::At(now + delay),
        };
        let answer = live.past.answer.take();
        self.bytes.release(answer.as_ref().map_or(0, self.size));
        let Some(attempt) = self.launch(now, key, origins) else { return };
        if let Some(live) = self.live.get_mut(key) {
            live.state = State::Running(attempt, second);
        }
        if let Second::At(at) = second {
            self.remind(at, key);
        }
    }

    /// The host has begun to send an attempt: from now on it may be taking too long.
    pub(super) fn sent(&mut self, now: Instant, attempt: AttemptId, origins: &Origins) {
        let Some(live) = self.live.get_mut(attempt.key).filter(|live| live.is_running(attempt)) else { return };
        let State::Running(_, second @ Second::AfterSent) = &mut live.state else { return };
        let delay = self.settings.hedge.and_then(|hedge| too_long(hedge, &live.url, origins));
        *second = delay.map_or(Second::Never, |delay| Second::At(now + delay));
        if let Some(delay) = delay {
            self.remind(now + delay, attempt.key);
        }
    }

    /// Lets a second attempt wait for the next slot, if one is to be made by now.
    pub(super) fn consider_second(&mut self, now: Instant, key: Key) {
        let Some(live) = self.live.get_mut(key) else { return };
        match &mut live.state {
            State::Running(attempt, second @ Second::At(_)) if attempt.head.is_none() => match second {
                Second::At(at) if *at <= now => *second = Second::Due,
                Second::At(_) | Second::Never | Second::AfterSent | Second::Due => return,
            },
            State::Running(..)
            | State::Following
            | State::Waiting(_)
            | State::BackingOff(_)
            | State::RunningTwice(_) => return,
        }
        self.enqueue(key, Turn::Second);
    }

    /// Starts a second attempt beside one that has had no head for too long, out of the budget that retries are drawn from.
    fn start_second(&mut self, now: Instant, key: Key, origins: &mut Origins) {
        let Some(live) = self.live.get(key) else { return };
        let (url, headless) = (live.url.clone(), live.attempt().is_some_and(|attempt| attempt.head.is_none()));
        let wanted = headless && !self.enough && origins.may_repeat(now, &url, &self.settings);
        // The gate last: what it gives cannot be given back.
        match wanted.then(|| self.gate(now, key, origins)) {
            None | Some(Admission::Refused(_)) => {
                if let Some(State::Running(_, second)) = self.live.get_mut(key).map(|live| &mut live.state) {
                    *second = Second::Never;
                }
            }
            Some(Admission::Paced(until) | Admission::Full(until)) => self.put_back(key, until, Turn::Second),
            Some(Admission::Open) => {
                origins.repeat(now, &url, &self.settings);
                self.tally.seconded();
                self.launch_second(now, key, origins);
            }
        }
    }

    fn launch_second(&mut self, now: Instant, key: Key, origins: &mut Origins) {
        let Some(attempt) = self.launch(now, key, origins) else { return };
        let Some(live) = self.live.get_mut(key) else { return };
        live.past.second = Some(attempt.number);
        live.state = match std::mem::replace(&mut live.state, State::Following) {
            State::Running(first, _) => State::RunningTwice(Box::new((first, attempt))),
            other => other,
        };
    }

    /// Sends a request, beside the attempt that it may have in flight.
    fn launch(&mut self, now: Instant, key: Key, origins: &mut Origins) -> Option<Attempt> {
        let live = self.live.get_mut(key)?;
        let (admitted, kept) = origins.admit(now, &live.url, live.past.attempts == 0, &self.settings);
        live.past.attempts += 1;
        let number = live.past.attempts;
        let expires = attempt_expires(now, self.settings.attempt_timeout, live.expires);
        let attempt =
            Attempt { number, admitted, started: now, expires, head: None, facts: None, kept, granted: FIRST_GRANT };
        self.bytes.hold(FIRST_GRANT);
        self.queue.started(live.lane);
        let (request, url, body, ends) = (Arc::clone(&live.request), live.url.clone(), live.body, live.expires);
        self.in_flight += 1;
        if body == BodyMode::Unread {
            self.unread.insert(attempt.id(key), ());
        }
        self.actions.push_back(Action::Start { attempt: attempt.id(key), request, url, body });
        self.tally.started(self.in_flight);
        if expires < ends {
            self.remind(expires, key);
        }
        Some(attempt)
    }
}

/// How long an attempt may be without a head before a second one is made beside it, if that is known.
fn too_long(hedge: Hedge, url: &Url, origins: &Origins) -> Option<Duration> {
    match hedge {
        Hedge::After(delay) => Some(delay),
        Hedge::Auto => origins.get(url)?.slowness.p95(),
    }
}
