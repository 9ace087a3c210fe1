//! What attempts teach about their origins.

use super::Engine;
use crate::adaptive::Sample;
use crate::event::AttemptId;
use crate::state::Attempt;
use crate::{Cause, Failure, Hedge, Instant, Origins, breaker, retry};

/// Too Many Requests (RFC 6585, section 4): nothing is wrong with the origin, but it is asked too much.
const TOO_MANY: u16 = 429;

impl<R> Engine<R> {
    /// Takes in what became of an attempt. Another beside it is about to be given up if it was good.
    pub(super) fn learn(&mut self, now: Instant, attempt: AttemptId, failure: Option<&Failure>, origins: &mut Origins) {
        let Some(live) = self.live.get(attempt.key) else { return };
        let is_it = |running: &&Attempt| running.number == attempt.number;
        let Some(running) = live.state.attempts().find(is_it) else { return };
        let (status, admitted) = (running.status(), running.admitted);
        let verdict = breaker::verdict(failure, status);
        if let Some(failed) = verdict {
            origins.record(now, &live.url, admitted, failed);
        }
        let next = origins.next_attempt();
        let Some(known) = origins.get_mut(&live.url) else { return };
        if failure.is_none() {
            known.kept.leave();
        }
        let (good, latency) = (verdict == Some(false) && !retry::is_passing(status), running.head_latency());
        if self.settings.hedge == Some(Hedge::Auto) {
            let timed_out = failure.is_some_and(|failure| failure.cause == Cause::TimeoutAttempt);
            // One that is given up would have taken longer still: left out, the slow would never be seen.
            let given_up = live.state.attempts().filter(|attempt| if is_it(attempt) { timed_out } else { good });
            let given_up = given_up.filter(|attempt| attempt.head.is_none()).map(|attempt| now.since(attempt.started));
            // What refuses at once says nothing of how long an answer takes.
            latency.filter(|_| good).into_iter().chain(given_up).for_each(|span| known.slowness.record(span));
        }
        if let Some(bounds) = self.settings.adaptive() {
            let sample = match (verdict, latency) {
                (Some(true), _) => Some(Sample::Drop),
                _ if status == Some(TOO_MANY) => Some(Sample::Drop),
                (_, latency) => latency.map(Sample::Answer),
            };
            if let Some(sample) = sample {
                known.adaptive.learn(admitted, next, sample, self.queue.in_flight(live.lane));
            }
            self.queue.set_limit(live.lane, known.adaptive.limit(bounds));
        }
    }
}
