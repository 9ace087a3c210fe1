//! Second attempts beside those that take long.

use super::Engine;
use crate::event::{AttemptId, Key};
use crate::{BodyMode, Hedge, Instant, Origins};

impl<R> Engine<R> {
    /// The host has begun to send an attempt: from now on it may be taking too long.
    pub(super) fn sent(&mut self, now: Instant, attempt: AttemptId, origins: &mut Origins) {
        let Some(live) = self.live.get_mut(attempt.key).filter(|live| live.is_running(attempt)) else { return };
        let at = now
            + match self.settings.hedge {
                Some(Hedge::After(delay)) => delay,
                Some(Hedge::Auto) => match origins.known(now, &live.url).slowness.p95() {
                    Some(delay) => delay,
                    None => return,
                },
                None => return,
            };
        live.hedge_at = Some(at);
        self.remind(at, attempt.key);
    }

    /// Starts a second attempt beside one that has had no head for too long, if there is room for it, and draws it from the
    /// budget that retries are drawn from.
    pub(super) fn hedge(&mut self, now: Instant, key: Key, origins: &mut Origins) {
        let Some(live) = self.live.get(key) else { return };
        let Some(attempt) = &live.attempt else { return };
        let wanted = attempt.head.is_none() && live.hedge_at.is_some_and(|at| at <= now) && live.hedge.is_none();
        let room = self.in_flight < self.settings.concurrency
            && self.queue.has_room(live.lane)
            && (live.body != BodyMode::Unread || self.unread.len() < self.settings.max_unread as usize);
        if !wanted || !room || !live.request.is_repeatable() || self.enough {
            return;
        }
        let (url, floor) = (live.url.clone(), self.settings.retry_floor);
        // The pace last: what it gives cannot be given back.
        if self.left_alone_until(now, key, origins).is_none()
            && origins.known(now, &url).budget.has_one(now, floor)
            && self.paced(now, key, origins).is_ok()
        {
            let known = origins.known(now, &url);
            known.budget.spend(now, floor);
            self.tally.hedged();
            self.launch(now, key, known.kept.take());
            if let Some(live) = self.live.get_mut(key) {
                live.hedge = Some(live.attempts);
            }
        }
    }
}
