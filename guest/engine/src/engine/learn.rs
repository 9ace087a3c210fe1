//! What the engine learns about origins from the results of attempts.

use super::Engine;
use crate::adaptive::Sample;
use crate::event::AttemptId;
use crate::state::Attempt;
use crate::{Cause, Failure, Hedge, Instant, Origins, breaker, retry};

/// Too Many Requests (RFC 6585, section 4): the origin works, but receives too many requests.
const TOO_MANY: u16 = 429;

impl<R> Engine<R> {
    /// Records the result of an attempt. If it was good, the request's other attempt is about to be given up.
    pub(super) fn learn(&mut self, now: Instant, attempt: AttemptId, failure: Option<&Failure>, origins: &mut Origins) {
        let Some(pending) = self.pending.get(attempt.key) else { return };
        let is_it = |running: &&Attempt| running.number == attempt.number;
        let Some(running) = pending.state.attempts().find(is_it) else { return };
        let (status, serial) = (running.status(), running.serial);
        let verdict = breaker::verdict(failure, status);
        if let Some(failed) = verdict {
            origins.record(now, &pending.url, serial, failed);
        }
        let next = origins.next_attempt();
        let Some(known) = origins.get_mut(&pending.url) else { return };
        if failure.is_none() {
            known.idle_connections.add();
        }
        let (good, latency) = (verdict == Some(false) && !retry::is_retryable_status(status), running.head_latency());
        if self.settings.hedge == Some(Hedge::Auto) {
            let timed_out = failure.is_some_and(|failure| failure.cause == Cause::TimeoutAttempt);
            // An attempt that is given up would have taken longer still: without it, slow heads would never be counted.
            let given_up = pending.state.attempts().filter(|attempt| if is_it(attempt) { timed_out } else { good });
            let given_up = given_up.filter(|attempt| attempt.head.is_none()).map(|attempt| attempt.waited(now));
            // An origin that refuses at once says nothing about how long an answer takes.
            let waited = running.head_wait().filter(|_| good);
            waited.into_iter().chain(given_up).for_each(|span| known.latency.record(span));
        }
        if let Some(bounds) = self.settings.adaptive() {
            let sample = match (verdict, latency) {
                (Some(true), _) => Some(Sample::Drop),
                _ if status == Some(TOO_MANY) => Some(Sample::Drop),
                (_, latency) => latency.map(Sample::Answer),
            };
            if let Some(sample) = sample {
                known.adaptive.learn(serial, next, sample, self.queue.in_flight(pending.origin));
            }
            self.queue.set_limit(pending.origin, known.adaptive.limit(bounds));
        }
    }
}
