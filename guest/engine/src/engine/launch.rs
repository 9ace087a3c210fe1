//! Attempts that are started: a request's next, or a second beside one that takes long.

use super::Engine;
use crate::bytes::FIRST_GRANT;
use crate::event::{Action, AttemptId, Key};
use crate::live::attempt_expires;
use crate::queue::Turn;
use crate::state::{Attempt, Second, State, Why};
use crate::{BodyMode, Hedge, Instant, Origins, Settings};
use std::sync::Arc;

impl<R> Engine<R> {
    /// Starts what has its turn, if its origin may be asked by now.
    pub(super) fn start(&mut self, now: Instant, key: Key, origins: &mut Origins) {
        let second = self.live.get(key).is_some_and(|live| matches!(live.state, State::Running(..)));
        if second {
            self.start_second(now, key, origins);
        } else if let Some(next_probe) = self.left_alone_until(now, key, origins) {
            self.refuse(now, key, next_probe);
        } else if let Err(until) = self.paced(now, key, origins) {
            self.put_off(now, key, until);
        } else {
            self.start_next(now, key, origins);
        }
    }

    /// Starts the next attempt of a request that waits for it.
    fn start_next(&mut self, now: Instant, key: Key, origins: &mut Origins) {
        let Settings { retries, hedge, retry_ratio, breaker_ratio, host_facts, .. } = self.settings;
        let Some(live) = self.live.get_mut(key) else { return };
        let State::Waiting(why) = live.state else { return };
        let known = origins.known(now, &live.url);
        live.past.first_started.get_or_insert(now);
        if live.past.attempts == 0 && (retries > 0 || hedge.is_some()) {
            known.budget.earn(now, retry_ratio);
        }
        if breaker_ratio > 0 {
            known.breaker.let_through(now, &self.settings);
        }
        if matches!(why, Why::Again | Why::Closed) {
            self.tally.retried();
        }
        let repeatable = live.request.is_repeatable() && live.past.second.is_none();
        let delay = match hedge.filter(|_| repeatable) {
            Some(Hedge::After(delay)) => Some(delay),
            Some(Hedge::Auto) => known.slowness.p95(),
            None => None,
        };
        let second = match delay {
            None => Second::Never,
            Some(_) if host_facts => Second::AfterSent,
            Some(delay) => Second::At(now + delay),
        };
        let answer = live.past.answer.take();
        self.bytes.release(answer.as_ref().map_or(0, self.size));
        let kept = known.kept.take();
        let Some(attempt) = self.launch(now, key, kept) else { return };
        if let Some(live) = self.live.get_mut(key) {
            live.state = State::Running(attempt, second);
        }
        if let Second::At(at) = second {
            self.remind(at, key);
        }
    }

    /// The host has begun to send an attempt: from now on it may be taking too long.
    pub(super) fn sent(&mut self, now: Instant, attempt: AttemptId, origins: &mut Origins) {
        let Some(live) = self.live.get_mut(attempt.key).filter(|live| live.is_running(attempt)) else { return };
        let State::Running(_, second @ Second::AfterSent) = &mut live.state else { return };
        let delay = match self.settings.hedge {
            Some(Hedge::After(delay)) => Some(delay),
            Some(Hedge::Auto) => origins.known(now, &live.url).slowness.p95(),
            None => None,
        };
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
            | State::RunningTwice(..) => return,
        }
        self.enqueue(key, Turn::Second);
    }

    /// Starts a second attempt beside one that has had no head for too long, out of the budget that retries are drawn from.
    fn start_second(&mut self, now: Instant, key: Key, origins: &mut Origins) {
        let floor = self.settings.retry_floor;
        let Some(live) = self.live.get(key) else { return };
        let url = live.url.clone();
        let headless = live.attempt().is_some_and(|attempt| attempt.head.is_none());
        let wanted = headless
            && !self.enough
            && self.left_alone_until(now, key, origins).is_none()
            && origins.known(now, &url).budget.has_one(now, floor);
        // The pace last: what it gives cannot be given back.
        match wanted.then(|| self.paced(now, key, origins)) {
            None => {
                if let Some(State::Running(_, second)) = self.live.get_mut(key).map(|live| &mut live.state) {
                    *second = Second::Never;
                }
            }
            Some(Err(until)) => {
                let Some(lane) = self.live.get(key).map(|live| live.lane) else { return };
                self.queue.park(lane, until);
                self.enqueue(key, Turn::Second);
            }
            Some(Ok(())) => {
                let known = origins.known(now, &url);
                known.budget.spend(now, floor);
                let kept = known.kept.take();
                self.tally.seconded();
                self.launch_second(now, key, kept);
            }
        }
    }

    fn launch_second(&mut self, now: Instant, key: Key, kept: bool) {
        let Some(attempt) = self.launch(now, key, kept) else { return };
        let Some(live) = self.live.get_mut(key) else { return };
        live.past.second = Some(attempt.number);
        live.state = match std::mem::replace(&mut live.state, State::Following) {
            State::Running(first, _) => State::RunningTwice(first, attempt),
            other => other,
        };
    }

    /// Sends a request, beside the attempt that it may have in flight.
    fn launch(&mut self, now: Instant, key: Key, kept: bool) -> Option<Attempt> {
        let live = self.live.get_mut(key)?;
        live.past.attempts += 1;
        let number = live.past.attempts;
        let expires = attempt_expires(now, self.settings.attempt_timeout, live.expires);
        let attempt = Attempt { number, started: now, expires, head: None, facts: None, kept, granted: FIRST_GRANT };
        self.bytes.hold(FIRST_GRANT);
        self.queue.started(live.lane);
        let (request, url, body, ends) = (Arc::clone(&live.request), live.url.clone(), live.body, live.expires);
        self.in_flight += 1;
        if body == BodyMode::Unread {
            self.unread.insert(attempt.id(key));
        }
        self.actions.push_back(Action::Start { attempt: attempt.id(key), request, url, body });
        self.tally.started(self.in_flight);
        if expires < ends {
            self.remind(expires, key);
        }
        Some(attempt)
    }
}
