//! Which attempts may hold more bytes, and which requests continue when there is no room for more.

use super::Engine;
use crate::event::{Action, Key};
use crate::state::State;
use crate::{Instant, Order, Origins};

impl<R> Engine<R> {
    /// Lets bodies grow as far as the window of bytes has room, oldest request first.
    pub(super) fn grant(&mut self) {
        while let Some((attempt, wanted)) = self.bytes.first_wanting() {
            let Some(granted) = self.pending.running_mut(attempt).map(|running| running.granted) else {
                self.bytes.forget(attempt);
                continue;
            };
            let more = wanted.saturating_sub(granted);
            if !self.bytes.has_room(more) && !self.is_stuck() {
                return;
            }
            if let Some(running) = self.pending.running_mut(attempt) {
                running.granted = wanted;
            }
            self.bytes.hold(more);
            self.bytes.forget(attempt);
            self.actions.push_back(Action::Grant(attempt));
        }
    }

    /// Whether nothing in flight will free any bytes, so that one body has to grow beyond the window.
    fn is_stuck(&self) -> bool {
        self.bytes.is_stuck(self.in_flight) && self.head_of_line().is_none_or(|first| self.cannot_start(first))
    }

    /// Whether a request has to start although the window is full, because nothing in flight could free bytes.
    pub(super) fn may_exceed_window(&self) -> bool {
        let waits = |key| {
            self.pending
                .get(key)
                .is_some_and(|pending| matches!(pending.state, State::Waiting(_) | State::BackingOff(_)))
        };
        self.in_flight == 0 && self.bytes.is_stuck(0) && !self.head_of_line().is_some_and(waits)
    }

    /// With ordered outcomes, the request whose outcome all others wait for.
    fn head_of_line(&self) -> Option<Key> {
        self.pending.oldest().filter(|_| self.settings.order == Order::Input)
    }

    /// Whether this request is already in flight, or waits for a slot that another holds.
    fn cannot_start(&self, key: Key) -> bool {
        let Some(pending) = self.pending.get(key) else { return true };
        match pending.state {
            State::Waiting(_) => self.in_flight >= self.settings.concurrency || !self.queue.has_room(pending.origin),
            State::BackingOff(_) => false,
            State::Following | State::Running(..) | State::Hedged(_) => true,
        }
    }

    /// Starts the request that all others wait for although there is no room for its bytes: otherwise none would ever
    /// be freed.
    pub(super) fn start_head_of_line(&mut self, now: Instant, origins: &mut Origins) {
        let Some(key) = self.head_of_line() else { return };
        let Some(pending) = self.pending.get(key) else { return };
        let unread = pending.body == crate::BodyMode::Unread && self.unread.len() >= self.settings.max_unread as usize;
        if matches!(pending.state, State::Waiting(_)) && self.queue.can_start(pending.origin) && !unread {
            self.start(now, key, origins);
        }
    }
}
