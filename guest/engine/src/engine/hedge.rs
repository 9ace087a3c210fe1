//! Second attempts beside those that take long.

use super::Engine;
use super::gate::Gate;
use crate::event::Key;
use crate::{BodyMode, Instant, Origins};

impl<R> Engine<R> {
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
        let url = live.url.clone();
        // The gate last: what it gives cannot be given back.
        if origins.may_repeat(now, &url, &self.settings) && self.gate(now, key, origins) == Gate::Open {
            origins.repeat(now, &url, &self.settings);
            self.tally.hedged();
            self.launch(now, key, origins);
            if let Some(live) = self.live.get_mut(key) {
                live.hedge = Some(live.attempts);
            }
        }
    }
}
