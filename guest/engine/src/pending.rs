//! Requests that have been read and have no outcome yet.

use crate::event::{AttemptId, Key};
use crate::identity::Identity;
use crate::queue::{OriginQueueId, Place, Turn};
use crate::state::{Attempt, State, WaitReason};
use crate::{BodyMode, Cause, Facts, Failure, Instant, Outcome, Phase, Request, Sent, Timing};
use slab::Slab;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// One request that has been read and has no outcome yet.
#[derive(Debug)]
pub(crate) struct Pending<R> {
    pub(crate) serial: u64,
    /// As it is sent next: a redirect may change it.
    pub(crate) request: Arc<Request>,
    pub(crate) url: Url,
    pub(crate) body: BodyMode,
    /// The queue of the origin of `url`.
    pub(crate) origin: OriginQueueId,
    pub(crate) arrived: Instant,
    /// When the request's own timeout expires.
    pub(crate) expires: Instant,
    pub(crate) state: State,
    /// Bytes that the request holds.
    pub(crate) size: u64,
    pub(crate) history: History<R>,
    /// Present if others may follow it.
    pub(crate) group: Option<CoalescingGroup>,
}

/// What has happened to a request so far.
#[derive(Debug)]
pub(crate) struct History<R> {
    /// Whether the request as the caller gave it may be sent twice without harm.
    repeatable: bool,
    /// Attempts started.
    pub(crate) attempts: u32,
    /// Failed attempts that were repeated, or are about to be.
    pub(crate) retries: u32,
    /// The number of the attempt that was the hedge, if there was one.
    pub(crate) hedge: Option<u32>,
    /// It was sent again because its connection had been closed.
    pub(crate) resent: bool,
    /// Where it was redirected from, oldest first.
    pub(crate) hops: Vec<Hop>,
    /// When the first attempt was started.
    pub(crate) first_started: Option<Instant>,
    /// Whether an ended attempt may have reached a peer.
    sent: Sent,
    /// What the host reported of the last ended attempt.
    facts: Option<Facts>,
    /// The status of that attempt, if its head had arrived, and how long its head and body took.
    status: Option<u16>,
    head: Option<Duration>,
    body: Option<Duration>,
    /// The answer of that attempt, until the next one starts: the outcome if there is no next.
    pub(crate) answer: Option<R>,
}

/// A URL that redirected, and the method of the request to it.
#[derive(Clone, Debug)]
pub(crate) struct Hop {
    pub(crate) method: String,
    pub(crate) url: Url,
}

/// The requests that share a request's answer, and what is identical in them.
#[derive(Debug)]
pub(crate) struct CoalescingGroup {
    pub(crate) identity: Identity,
    pub(crate) followers: VecDeque<Key>,
}

impl<R> Pending<R> {
    /// A request that waits for its first attempt.
    pub(crate) fn new(
        serial: u64,
        request: Request,
        url: Url,
        body: BodyMode,
        origin: OriginQueueId,
        (arrived, expires): (Instant, Instant),
    ) -> Self {
        let history = History {
            repeatable: request.is_repeatable(),
            attempts: 0,
            retries: 0,
            hedge: None,
            resent: false,
            hops: Vec::new(),
            first_started: None,
            sent: Sent::No,
            facts: None,
            status: None,
            head: None,
            body: None,
            answer: None,
        };
        let size = request.size();
        let (request, state) = (Arc::new(request), State::Waiting(WaitReason::First));
        Self { serial, request, url, body, origin, arrived, expires, state, size, history, group: None }
    }

    /// The attempt in flight; of two, the one that has come further.
    pub(crate) fn attempt(&self) -> Option<&Attempt> {
        self.state.attempts().find(|attempt| attempt.head.is_some()).or_else(|| self.state.attempts().next())
    }

    /// Its place in the queue.
    pub(crate) fn place(&self, turn: Turn) -> Place {
        let priority = self.request.options.priority.unwrap_or_default();
        Place { origin: self.origin, priority, body: self.body, turn }
    }

    /// An attempt in flight that has timed out. `key` is this request's.
    pub(crate) fn expired_attempt(&self, now: Instant, key: Key) -> Option<AttemptId> {
        self.state.attempts().find(|attempt| attempt.expires <= now).map(|attempt| attempt.id(key))
    }

    /// The failure for `cause` at the point that this request has reached.
    pub(crate) fn failure(&self, cause: Cause) -> Failure {
        match self.attempt() {
            Some(attempt) => attempt.failure(cause, self.request.is_repeatable()),
            None => Failure { status: self.history.status, ..Failure::unsent(cause, Phase::Queue) },
        }
    }

    /// Records an ended attempt that is no longer in `state`; `sent` says whether it may have reached the peer.
    pub(crate) fn record_ended(&mut self, now: Instant, attempt: &Attempt, sent: Sent) {
        let History { sent: before, facts, status, head, body, .. } = &mut self.history;
        *before = (*before).max(sent);
        (*facts, *status) = (attempt.facts, attempt.status());
        (*head, *body) = (attempt.head_latency(), attempt.body_latency(now));
    }

    /// The status of its current response, or of the last one.
    pub(crate) fn status(&self) -> Option<u16> {
        self.attempt().map_or(self.history.status, Attempt::status)
    }

    /// The failure as the caller sees it: even if the last attempt was not sent, an earlier one may have reached a
    /// peer.
    fn settled(&self, failure: Failure) -> Failure {
        let sent = failure.sent.max(self.history.sent);
        let retryable = failure.retryable && (self.history.repeatable || sent == Sent::No);
        Failure { sent, retryable, ..failure }
    }

    /// Takes over the redirects of `leader` and whether it was sent, for a request that shares its answer.
    pub(crate) fn adopt_history(&mut self, leader: &Self) {
        if !leader.history.hops.is_empty() {
            self.url.clone_from(&leader.url);
            self.history.hops.clone_from(&leader.history.hops);
        }
        self.history.sent = leader.history.sent;
    }

    /// Its outcome if it ends now.
    pub(crate) fn outcome(&self, now: Instant, result: Result<R, Failure>) -> Outcome<R> {
        let running = self.attempt();
        let queued = self.history.first_started.unwrap_or(now).since(self.arrived);
        let (head, body) = match running {
            Some(attempt) => (attempt.head_latency(), attempt.body_latency(now)),
            None => (self.history.head, self.history.body),
        };
        Outcome {
            id: self.request.id,
            url: self.url.to_string(),
            attempts: self.history.attempts,
            hops: self.history.hops.iter().map(|hop| hop.url.to_string()).collect(),
            timing: Timing { queued, head, body, total: now.since(self.arrived) },
            last_attempt: running.map_or(self.history.facts, |attempt| attempt.facts),
            result: result.map_err(|failure| self.settled(failure)),
        }
    }
}

/// All pending requests, found by key in O(1).
#[derive(Debug)]
pub(crate) struct PendingSet<R> {
    slab: Slab<Pending<R>>,
}

impl<R> PendingSet<R> {
    pub(crate) fn new() -> Self {
        Self { slab: Slab::new() }
    }

    pub(crate) fn insert(&mut self, pending: Pending<R>) -> Key {
        let serial = pending.serial;
        Key { serial, slot: self.slab.insert(pending) }
    }

    pub(crate) fn get(&self, key: Key) -> Option<&Pending<R>> {
        self.slab.get(key.slot).filter(|pending| pending.serial == key.serial)
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut Pending<R>> {
        self.slab.get_mut(key.slot).filter(|pending| pending.serial == key.serial)
    }

    pub(crate) fn running_mut(&mut self, attempt: AttemptId) -> Option<&mut Attempt> {
        self.get_mut(attempt.key)?.state.attempt_mut(attempt.number)
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<Pending<R>> {
        self.get(key)?;
        self.slab.try_remove(key.slot)
    }

    pub(crate) fn contains(&self, key: Key) -> bool {
        self.get(key).is_some()
    }

    /// Whether it still waits for this origin, for a hedge or for its next attempt.
    pub(crate) fn waits(&self, key: Key, origin: OriginQueueId, for_hedge: bool) -> bool {
        self.get(key).is_some_and(|pending| pending.origin == origin && pending.state.waits(for_hedge))
    }

    /// The request that was read first.
    pub(crate) fn oldest(&self) -> Option<Key> {
        self.slab.iter().map(|(slot, pending)| Key { serial: pending.serial, slot }).min()
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    /// Their keys in the order they were read.
    pub(crate) fn keys(&self) -> Vec<Key> {
        // A tenth of the code size of a sort.
        let keys: BinaryHeap<Key> =
            self.slab.iter().map(|(slot, pending)| Key { serial: pending.serial, slot }).collect();
        keys.into_sorted_vec()
    }
}

/// `started + span`, but no later than the request's own timeout.
pub(crate) fn attempt_expires(started: Instant, span: Duration, request_expires: Instant) -> Instant {
    (started + span).min(request_expires)
}
