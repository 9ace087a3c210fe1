//! Requests that were read and have no outcome yet.

use crate::event::{AttemptId, Key};
use crate::identity::Identity;
use crate::queue::{OriginQueueId, Place, Turn};
use crate::state::{Attempt, State, Why};
use crate::{BodyMode, Cause, Facts, Failure, Instant, Outcome, Phase, Request, Sent, Timing};
use slab::Slab;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// One request that was read and has no outcome yet.
#[derive(Debug)]
pub(crate) struct Pending<R> {
    pub(crate) serial: u64,
    /// As it is sent next: a redirect makes another of it.
    pub(crate) request: Arc<Request>,
    pub(crate) url: Url,
    pub(crate) body: BodyMode,
    /// That of the origin of `url`.
    pub(crate) lane: OriginQueueId,
    pub(crate) arrived: Instant,
    /// When the request's own timeout strikes.
    pub(crate) expires: Instant,
    pub(crate) state: State,
    /// Bytes that the request holds.
    pub(crate) size: u64,
    pub(crate) past: History<R>,
    /// There if others may follow it.
    pub(crate) lead: Option<Shared>,
}

/// What has become of a request so far.
#[derive(Debug)]
pub(crate) struct History<R> {
    /// Whether it may be sent twice without harm, as the caller gave it.
    repeatable: bool,
    /// Attempts started.
    pub(crate) attempts: u32,
    /// How often a failed one was repeated, or is to be.
    pub(crate) retries: u32,
    /// Which attempt was the second beside another, if there was one.
    pub(crate) second: Option<u32>,
    /// It has been sent again because its connection had been closed.
    pub(crate) renewed: bool,
    /// Where it was redirected from, oldest first.
    pub(crate) hops: Vec<Hop>,
    /// When the first attempt was started.
    pub(crate) first_started: Option<Instant>,
    /// Whether an attempt that is over may have reached a peer.
    sent: Sent,
    /// What the host said of the last attempt that is over.
    facts: Option<Facts>,
    /// The status of the last one, if its head had come, and how long head and body took.
    status: Option<u16>,
    head: Option<Duration>,
    body: Option<Duration>,
    /// What the last one brought, while the next has not been started: the outcome if there is no next.
    pub(crate) answer: Option<R>,
}

/// A URL that redirected, and how it was asked.
#[derive(Clone, Debug)]
pub(crate) struct Hop {
    pub(crate) method: String,
    pub(crate) url: Url,
}

/// Those that get what a request gets, and what they have in common.
#[derive(Debug)]
pub(crate) struct Shared {
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
        lane: OriginQueueId,
        (arrived, expires): (Instant, Instant),
    ) -> Self {
        let past = History {
            repeatable: request.is_repeatable(),
            attempts: 0,
            retries: 0,
            second: None,
            renewed: false,
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
        let (request, state) = (Arc::new(request), State::Waiting(Why::First));
        Self { serial, request, url, body, lane, arrived, expires, state, size, past, lead: None }
    }

    /// The attempt in flight; of two the one that has come further.
    pub(crate) fn attempt(&self) -> Option<&Attempt> {
        self.state.attempts().find(|attempt| attempt.head.is_some()).or_else(|| self.state.attempts().next())
    }

    /// Whether this attempt is in flight, and not an earlier one.
    pub(crate) fn is_running(&self, attempt: AttemptId) -> bool {
        self.state.attempts().any(|running| running.number == attempt.number)
    }

    /// Where in the queue it belongs.
    pub(crate) fn place(&self, turn: Turn) -> Place {
        let priority = self.request.overrides.priority.unwrap_or_default();
        Place { lane: self.lane, priority, body: self.body, turn }
    }

    /// An attempt in flight whose time is over, `key` being this request's.
    pub(crate) fn expired_attempt(&self, now: Instant, key: Key) -> Option<AttemptId> {
        self.state.attempts().find(|attempt| attempt.expires <= now).map(|attempt| attempt.id(key))
    }

    /// The failure that `cause` means at the point this request has come to.
    pub(crate) fn failure(&self, cause: Cause) -> Failure {
        match self.attempt() {
            Some(attempt) => attempt.failure(cause, self.request.is_repeatable()),
            None => Failure { status: self.past.status, ..Failure::unsent(cause, Phase::Queue) },
        }
    }

    /// Notes that an attempt is over which is not in `state` any more; `sent` says whether it may have reached the peer.
    pub(crate) fn over(&mut self, now: Instant, attempt: &Attempt, sent: Sent) {
        let History { sent: before, facts, status, head, body, .. } = &mut self.past;
        *before = (*before).max(sent);
        (*facts, *status) = (attempt.facts, attempt.status());
        (*head, *body) = (attempt.head_latency(), attempt.body_latency(now));
    }

    /// The status of the response that it has, or had last.
    pub(crate) fn status(&self) -> Option<u16> {
        self.attempt().map_or(self.past.status, Attempt::status)
    }

    /// What it shows of its failure: whatever has become of the last attempt, those before may have reached a peer.
    fn settled(&self, failure: Failure) -> Failure {
        let sent = failure.sent.max(self.past.sent);
        let retryable = failure.retryable && (self.past.repeatable || sent == Sent::No);
        Failure { sent, retryable, ..failure }
    }

    /// It got what `leader` got: by the way that one went, and with what that one knows.
    pub(crate) fn take_after(&mut self, leader: &Self) {
        if !leader.past.hops.is_empty() {
            self.url.clone_from(&leader.url);
            self.past.hops.clone_from(&leader.past.hops);
        }
        self.past.sent = leader.past.sent;
    }

    /// What has become of it by now.
    pub(crate) fn outcome(&self, now: Instant, result: Result<R, Failure>) -> Outcome<R> {
        let running = self.attempt();
        let queued = self.past.first_started.unwrap_or(now).since(self.arrived);
        let (head, body) = match running {
            Some(attempt) => (attempt.head_latency(), attempt.body_latency(now)),
            None => (self.past.head, self.past.body),
        };
        Outcome {
            id: self.request.id,
            url: self.url.to_string(),
            attempts: self.past.attempts,
            hops: self.past.hops.iter().map(|hop| hop.url.to_string()).collect(),
            timing: Timing { queued, head, body, total: now.since(self.arrived) },
            last_attempt: running.map_or(self.past.facts, |attempt| attempt.facts),
            result: result.map_err(|failure| self.settled(failure)),
        }
    }
}

/// All of them, found by key in O(1).
#[derive(Debug)]
pub(crate) struct PendingSet<R> {
    slab: Slab<Pending<R>>,
}

impl<R> PendingSet<R> {
    pub(crate) fn new() -> Self {
        Self { slab: Slab::new() }
    }

    pub(crate) fn insert(&mut self, live: Pending<R>) -> Key {
        let serial = live.serial;
        Key { serial, slot: self.slab.insert(live) }
    }

    pub(crate) fn get(&self, key: Key) -> Option<&Pending<R>> {
        self.slab.get(key.slot).filter(|live| live.serial == key.serial)
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut Pending<R>> {
        self.slab.get_mut(key.slot).filter(|live| live.serial == key.serial)
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

    /// Whether it still waits in this lane, for a second attempt or for its next.
    pub(crate) fn waits(&self, key: Key, lane: OriginQueueId, for_second: bool) -> bool {
        self.get(key).is_some_and(|live| live.lane == lane && live.state.waits(for_second))
    }

    /// The one that was read first.
    pub(crate) fn oldest(&self) -> Option<Key> {
        self.slab.iter().map(|(slot, live)| Key { serial: live.serial, slot }).min()
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    /// Their keys in the order they were read.
    pub(crate) fn keys(&self) -> Vec<Key> {
        // A tenth of the code of a sort.
        let keys: BinaryHeap<Key> = self.slab.iter().map(|(slot, live)| Key { serial: live.serial, slot }).collect();
        keys.into_sorted_vec()
    }
}

/// `started + span`, but no later than the request's own end.
pub(crate) fn attempt_expires(started: Instant, span: Duration, request_expires: Instant) -> Instant {
    (started + span).min(request_expires)
}
