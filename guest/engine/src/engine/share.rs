//! Requests that share the answer of another that is the same.

use super::Engine;
use crate::event::Key;
use crate::identity::Identity;
use crate::pending::{Pending, Shared};
use crate::queue::Turn;
use crate::state::{State, Why};
use crate::{Cause, Failure, Instant};
use std::collections::VecDeque;

impl<R> Engine<R> {
    /// Lets a request that has just been read follow one that is the same, if there is one; else others may follow it.
    pub(super) fn joins(&mut self, key: Key) -> bool {
        let Some(live) = self.live.get(key).filter(|_| self.copy.is_some() && self.settings.coalesce) else {
            return false;
        };
        let Some(identity) = Identity::of(&live.request, &live.url, live.body) else { return false };
        let Some(leader) = self.shared.get(&identity).copied() else {
            self.lead(key, identity, VecDeque::new());
            return false;
        };
        let most = 64 + 2 * self.live.len();
        let Some(lead) = self.live.get_mut(leader).and_then(|live| live.lead.as_mut()) else { return false };
        lead.followers.push_back(key);
        if lead.followers.len() > most {
            let mut followers = std::mem::take(&mut lead.followers);
            // Some ran out of time while they waited.
            followers.retain(|key| self.live.contains(*key));
            let lead = self.live.get_mut(leader).and_then(|live| live.lead.as_mut());
            lead.into_iter().for_each(|lead| lead.followers.append(&mut followers));
        }
        if let Some(live) = self.live.get_mut(key) {
            live.state = State::Following;
        }
        true
    }

    fn lead(&mut self, key: Key, identity: Identity, followers: VecDeque<Key>) {
        self.shared.insert(identity.clone(), key);
        if let Some(live) = self.live.get_mut(key) {
            live.lead = Some(Shared { identity, followers });
        }
    }

    /// Lets those that follow a request go on by themselves: it is about to end for a reason of its own.
    pub(super) fn part(&mut self, key: Key) {
        let lead = self.live.get_mut(key).and_then(|live| live.lead.take());
        if let Some(Shared { identity, followers }) = lead {
            self.shared.remove(&identity);
            self.go_on(identity, followers);
        }
    }

    /// Ends those that followed a request with what it got.
    pub(super) fn share(
        &mut self,
        now: Instant,
        leader: &Pending<R>,
        status: Option<u16>,
        result: &Result<R, Failure>,
    ) {
        let Some(Shared { identity, followers }) = &leader.lead else { return };
        self.shared.remove(identity);
        let size = result.as_ref().map_or(0, self.size);
        for (place, follower) in followers.iter().enumerate() {
            if !self.live.contains(*follower) {
                continue;
            }
            if result.is_ok() && !self.bytes.has_room(size) {
                // The others go on by themselves: so many copies do not fit.
                return self.go_on(identity.clone(), followers.iter().skip(place).copied().collect());
            }
            let no_memory =
                || Failure::new(Cause::BodyTooLarge, true).with_detail("there is no memory for a copy of it");
            let copy = match result {
                Ok(response) => self.copy.and_then(|copy| copy(response)).ok_or_else(no_memory),
                Err(failure) => Err(failure.clone()),
            };
            self.end_with(now, *follower, status, leader, copy);
        }
    }

    /// Ends a request with the result that `leader` got.
    fn end_with(
        &mut self,
        now: Instant,
        key: Key,
        status: Option<u16>,
        leader: &Pending<R>,
        result: Result<R, Failure>,
    ) {
        let Some(mut live) = self.live.remove(key) else { return };
        self.bytes.release(live.size);
        self.queue.leave(live.lane);
        self.tally.coalesced();
        live.take_after(leader);
        self.give(live.serial, status, live.outcome(now, result));
    }

    /// The first of them that is still there takes the others' lead.
    fn go_on(&mut self, identity: Identity, mut followers: VecDeque<Key>) {
        if self.stopped.is_some() {
            return;
        }
        while let Some(next) = followers.pop_front() {
            if self.live.contains(next) {
                self.lead(next, identity, followers);
                return self.wait(next, Why::First, Turn::First);
            }
        }
    }
}
