//! Requests that share the answer of another that is the same.

use super::Engine;
use crate::event::Key;
use crate::identity::Identity;
use crate::live::Live;
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
            self.lead(key, identity);
            return false;
        };
        let most = 64 + 2 * self.live.len();
        let Some(live) = self.live.get_mut(leader) else { return false };
        live.followers.push_back(key);
        if live.followers.len() > most {
            let mut followers = std::mem::take(&mut live.followers);
            // Some ran out of time while they waited.
            followers.retain(|key| self.live.contains(*key));
            self.live.get_mut(leader).into_iter().for_each(|live| live.followers.append(&mut followers));
        }
        true
    }

    fn lead(&mut self, key: Key, identity: Identity) {
        self.shared.insert(identity.clone(), key);
        if let Some(live) = self.live.get_mut(key) {
            live.identity = Some(identity);
        }
    }

    /// Lets those that follow a request go on by themselves: it is about to end for a reason of its own.
    pub(super) fn part(&mut self, key: Key) {
        let Some(live) = self.live.get_mut(key) else { return };
        let (identity, followers) = (live.identity.take(), std::mem::take(&mut live.followers));
        if let Some(identity) = identity {
            self.shared.remove(&identity);
            self.go_on(identity, followers);
        }
    }

    /// Ends those that followed a request with what it got.
    pub(super) fn share(&mut self, now: Instant, leader: &Live, status: Option<u16>, result: &Result<R, Failure>) {
        if let Some(identity) = &leader.identity {
            self.shared.remove(identity);
        }
        for follower in &leader.followers {
            if !self.live.contains(*follower) {
                continue;
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
    fn end_with(&mut self, now: Instant, key: Key, status: Option<u16>, leader: &Live, result: Result<R, Failure>) {
        let Some(mut live) = self.live.remove(key) else { return };
        self.queue.leave(live.lane);
        self.tally.coalesced();
        if !leader.hops.is_empty() {
            live.url.clone_from(&leader.url);
            live.hops.clone_from(&leader.hops);
        }
        self.give(live.serial, status, live.outcome(now, result));
    }

    /// The first of them that is still there takes the others' lead.
    fn go_on(&mut self, identity: Identity, mut followers: VecDeque<Key>) {
        if self.stopped.is_some() {
            return;
        }
        while let Some(next) = followers.pop_front() {
            if self.live.contains(next) {
                self.lead(next, identity);
                if let Some(live) = self.live.get_mut(next) {
                    live.followers = followers;
                }
                return self.enqueue(next, true);
            }
        }
    }
}
