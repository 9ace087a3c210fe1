//! Who may hold more bytes, and who goes on when there is no room for more.

use super::Engine;
use crate::event::{Action, Key};
use crate::state::State;
use crate::{Instant, Order, Origins};

impl<R> Engine<R> {
    /// Lets bodies grow as far as the window of bytes has room, those of the oldest requests first.
    pub(super) fn grant(&mut self) {
        while let Some((attempt, wanted)) = self.bytes.first_wanting() {
            let Some(granted) = self.live.running_mut(attempt).map(|running| running.granted) else {
                self.bytes.forget(attempt);
                continue;
            };
            let more = wanted.saturating_sub(granted);
            if !self.bytes.has_room(more) && !self.is_stuck() {
                return;
            }
            if let Some(running) = self.live.running_mut(attempt) {
                running.granted = wanted;
            }
            self.bytes.hold(more);
            self.bytes.forget(attempt);
            self.actions.push_back(Action::Grant(attempt));
        }
    }

    /// Whether nothing that is under way frees any bytes, so that one body has to grow beyond the window.
    fn is_stuck(&self) -> bool {
        self.bytes.is_stuck(self.in_flight) && self.first_in_line().is_none_or(|first| self.needs_place(first))
    }

    /// Whether something has to be started though there is no room for it: what holds the bytes has not been sent.
    pub(super) fn may_go_beyond(&self) -> bool {
        let waits =
            |key| self.live.get(key).is_some_and(|live| matches!(live.state, State::Waiting(_) | State::BackingOff(_)));
        self.in_flight == 0 && self.bytes.is_stuck(0) && !self.first_in_line().is_some_and(waits)
    }

    /// In the order of the input, the request whose outcome all others wait for.
    fn first_in_line(&self) -> Option<Key> {
        self.live.oldest().filter(|_| self.settings.order == Order::Input)
    }

    /// Whether this request has its place, or needs one that another has.
    fn needs_place(&self, key: Key) -> bool {
        let Some(live) = self.live.get(key) else { return true };
        match live.state {
            State::Waiting(_) => self.in_flight >= self.settings.concurrency || !self.queue.has_room(live.lane),
            State::BackingOff(_) => false,
            State::Following | State::Running(..) | State::RunningTwice(_) => true,
        }
    }

    /// Starts the request that all others wait for, though there is no room for its bytes: else none would ever be freed.
    pub(super) fn start_first_in_line(&mut self, now: Instant, origins: &mut Origins) {
        let Some(key) = self.first_in_line() else { return };
        let Some(live) = self.live.get(key) else { return };
        let unread = live.body == crate::BodyMode::Unread && self.unread.len() >= self.settings.max_unread as usize;
        if matches!(live.state, State::Waiting(_)) && self.queue.may_go(live.lane) && !unread {
            self.start(now, key, origins);
        }
    }
}
