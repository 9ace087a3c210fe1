//! Requests that share the answer of another that is the same.

use super::Engine;
use crate::event::Key;
use crate::identity::Identity;
use crate::live::Live;
use crate::{Cause, Failure, Instant};

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
        live.followers.push(key);
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

    /// What each of those that followed a request gets of its result; nothing if it ended for a reason of its own.
    pub(super) fn copies(&self, followers: &[Key], result: &Result<R, Failure>) -> Vec<(Key, Result<R, Failure>)> {
        let ours = |cause| matches!(cause, Cause::TimeoutTotal | Cause::Deadline | Cause::Cancelled);
        if result.as_ref().is_err_and(|failure| ours(failure.cause)) {
            return Vec::new();
        }
        let copy = |result: &Result<R, Failure>| match result {
            Ok(response) => {
                self.copy.and_then(|copy| copy(response)).ok_or_else(|| Failure::new(Cause::InternalError, true))
            }
            Err(failure) => Err(failure.clone()),
        };
        let waiting = followers.iter().filter(|key| self.live.contains(**key));
        waiting.map(|key| (*key, copy(result))).collect()
    }

    /// Ends a request with the result that `leader` got.
    pub(super) fn end_with(
        &mut self,
        now: Instant,
        key: Key,
        status: Option<u16>,
        leader: &Live,
        result: Result<R, Failure>,
    ) {
        let Some(mut live) = self.live.remove(key) else { return };
        self.queue.leave(live.lane);
        self.tally.coalesced();
        live.url.clone_from(&leader.url);
        live.hops.clone_from(&leader.hops);
        self.give(live.serial, status, live.outcome(now, result));
    }

    /// Lets those go on by themselves that followed a request which ended for a reason of its own.
    pub(super) fn without_leader(&mut self, identity: Option<Identity>, followers: Vec<Key>) {
        let mut waiting = followers.into_iter().filter(|key| self.live.contains(*key));
        let (Some(identity), Some(next)) = (identity, waiting.next()) else { return };
        let followers: Vec<Key> = waiting.collect();
        self.lead(next, identity);
        if let Some(live) = self.live.get_mut(next) {
            live.followers = followers;
        }
        self.enqueue(next, true);
    }
}
