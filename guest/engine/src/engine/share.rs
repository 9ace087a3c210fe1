//! Coalescing: identical requests share one answer.

use super::Engine;
use crate::event::Key;
use crate::identity::Identity;
use crate::pending::{CoalescingGroup, Pending};
use crate::queue::Turn;
use crate::state::{State, WaitReason};
use crate::{Cause, Failure, Instant};
use std::collections::VecDeque;

impl<R> Engine<R> {
    /// Makes a request that has just been read follow an identical one, if there is one; otherwise others may follow
    /// it.
    pub(super) fn join_group(&mut self, key: Key) -> bool {
        let Some(pending) = self.pending.get(key).filter(|_| self.copy.is_some() && self.settings.coalesce) else {
            return false;
        };
        let Some(identity) = Identity::of(&pending.request, &pending.url, pending.body) else { return false };
        let Some(leader) = self.leaders.get(&identity).copied() else {
            self.start_group(key, identity, VecDeque::new());
            return false;
        };
        let max_followers = 64 + 2 * self.pending.len();
        let Some(group) = self.pending.get_mut(leader).and_then(|pending| pending.group.as_mut()) else { return false };
        group.followers.push_back(key);
        if group.followers.len() > max_followers {
            let mut followers = std::mem::take(&mut group.followers);
            // Some have timed out while they waited.
            followers.retain(|key| self.pending.contains(*key));
            let group = self.pending.get_mut(leader).and_then(|pending| pending.group.as_mut());
            group.into_iter().for_each(|group| group.followers.append(&mut followers));
        }
        if let Some(pending) = self.pending.get_mut(key) {
            pending.state = State::Following;
        }
        true
    }

    fn start_group(&mut self, key: Key, identity: Identity, followers: VecDeque<Key>) {
        self.leaders.insert(identity.clone(), key);
        if let Some(pending) = self.pending.get_mut(key) {
            pending.group = Some(CoalescingGroup { identity, followers });
        }
    }

    /// Detaches the followers of a request that is about to end for a reason of its own.
    pub(super) fn disband_group(&mut self, key: Key) {
        let group = self.pending.get_mut(key).and_then(|pending| pending.group.take());
        if let Some(CoalescingGroup { identity, followers }) = group {
            self.leaders.remove(&identity);
            self.promote_follower(identity, followers);
        }
    }

    /// Ends a request's followers with its result.
    pub(super) fn finish_followers(
        &mut self,
        now: Instant,
        leader: &Pending<R>,
        status: Option<u16>,
        result: &Result<R, Failure>,
    ) {
        let Some(CoalescingGroup { identity, followers }) = &leader.group else { return };
        self.leaders.remove(identity);
        let size = result.as_ref().map_or(0, self.size);
        for (place, follower) in followers.iter().enumerate() {
            if !self.pending.contains(*follower) {
                continue;
            }
            if result.is_ok() && !self.bytes.has_room(size) {
                // There is no room for so many copies: the remaining followers are sent on their own.
                return self.promote_follower(identity.clone(), followers.iter().skip(place).copied().collect());
            }
            let no_memory =
                || Failure::new(Cause::BodyTooLarge, true).with_detail("no memory is left for a copy of the response");
            let copy = match result {
                Ok(response) => self.copy.and_then(|copy| copy(response)).ok_or_else(no_memory),
                Err(failure) => Err(failure.clone()),
            };
            self.finish_follower(now, *follower, status, leader, copy);
        }
    }

    /// Ends a follower with the result of `leader`.
    fn finish_follower(
        &mut self,
        now: Instant,
        key: Key,
        status: Option<u16>,
        leader: &Pending<R>,
        result: Result<R, Failure>,
    ) {
        let Some(mut pending) = self.pending.remove(key) else { return };
        self.bytes.release(pending.size);
        self.queue.leave(pending.origin);
        self.tally.coalesced();
        pending.adopt_history(leader);
        self.emit(pending.serial, status, pending.outcome(now, result));
    }

    /// Makes the first follower that still exists the leader of the others.
    fn promote_follower(&mut self, identity: Identity, mut followers: VecDeque<Key>) {
        if self.stop_cause.is_some() {
            return;
        }
        while let Some(next) = followers.pop_front() {
            if self.pending.contains(next) {
                self.start_group(next, identity, followers);
                return self.wait_for_slot(next, WaitReason::First, Turn::First);
            }
        }
    }
}
