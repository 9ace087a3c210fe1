//! Requests that were read and have no outcome yet.

use crate::event::{AttemptId, Key};
use crate::event::{Failed, Seen};
use crate::identity::Identity;
use crate::queue::{LaneId, Place};
use crate::{BodyMode, Cause, Facts, Failure, Instant, Outcome, Phase, Request, Sent, Timing};
use slab::Slab;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// One request that was read and has no outcome yet.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) serial: u64,
    pub(crate) request: Arc<Request>,
    pub(crate) url: Url,
    pub(crate) body: BodyMode,
    /// That of the origin of `url`.
    pub(crate) lane: LaneId,
    pub(crate) arrived: Instant,
    /// When the request's own timeout strikes.
    pub(crate) expires: Instant,
    pub(crate) attempt: Option<Attempt>,
    /// A second attempt beside it, of which the first to answer counts.
    pub(crate) rival: Option<Attempt>,
    /// Which attempt was the second beside another, if there was one.
    pub(crate) hedge: Option<u32>,
    /// Attempts started.
    pub(crate) attempts: u32,
    /// How often a failed one was repeated, or is to be.
    pub(crate) retries: u32,
    /// The next one repeats one before.
    pub(crate) repeats: bool,
    /// URLs that redirected to `url`, oldest first.
    pub(crate) hops: Vec<Url>,
    /// When the first attempt was started.
    pub(crate) first_started: Option<Instant>,
    /// When it is to be sent again, if it waits for that.
    pub(crate) again_at: Option<Instant>,
    /// When it is to be sent a second time beside its attempt, unless a head has come.
    pub(crate) hedge_at: Option<Instant>,
    /// Whether an attempt of it was over a connection that had been closed.
    pub(crate) renewal: Renewal,
    /// What it is shared as, if others may follow it.
    pub(crate) identity: Option<Identity>,
    /// What the host said of the last attempt that has ended.
    pub(crate) last_facts: Option<Facts>,
    /// Those that get what it gets.
    pub(crate) followers: VecDeque<Key>,
}

/// A request may be sent again once because the connection had been closed that it was sent over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Renewal {
    Unused,
    /// It waits for its slot.
    Due,
    Done,
}

/// An attempt that is in flight for a request.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) number: u32,
    pub(crate) started: Instant,
    /// When the attempt's timeout strikes.
    pub(crate) expires: Instant,
    pub(crate) head: Option<Head>,
    /// What the host says of it.
    pub(crate) facts: Option<Facts>,
    /// It may have been sent over a connection that was open before.
    pub(crate) kept: bool,
}

impl Attempt {
    /// Whether it may have been sent over a connection that was open before.
    pub(crate) fn may_be_kept(&self) -> bool {
        self.facts.and_then(|facts| facts.reused).unwrap_or(self.kept)
    }
}

/// The head of a response.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) at: Instant,
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) location: Option<String>,
}

impl Live {
    /// A request that waits for its first attempt.
    pub(crate) fn new(
        serial: u64,
        request: Arc<Request>,
        url: Url,
        body: BodyMode,
        lane: LaneId,
        (arrived, expires): (Instant, Instant),
    ) -> Self {
        Self {
            serial,
            request,
            url,
            body,
            lane,
            arrived,
            expires,
            attempt: None,
            rival: None,
            hedge: None,
            attempts: 0,
            retries: 0,
            repeats: false,
            hops: Vec::new(),
            first_started: None,
            again_at: None,
            hedge_at: None,
            renewal: Renewal::Unused,
            identity: None,
            last_facts: None,
            followers: VecDeque::new(),
        }
    }

    /// The attempt in flight, `key` being this request's.
    pub(crate) fn attempt_id(&self, key: Key) -> AttemptId {
        AttemptId { key, number: self.attempt.as_ref().map_or(self.attempts, |attempt| attempt.number) }
    }

    /// The one beside it.
    pub(crate) fn rival_id(&self, key: Key) -> Option<AttemptId> {
        self.rival.as_ref().map(|rival| AttemptId { key, number: rival.number })
    }

    /// Makes this attempt, which is in flight, the one that counts.
    pub(crate) fn promote(&mut self, attempt: AttemptId) {
        if self.rival.as_ref().is_some_and(|rival| rival.number == attempt.number) {
            std::mem::swap(&mut self.attempt, &mut self.rival);
        }
    }

    /// Takes an attempt away; one that was beside it takes its place.
    pub(crate) fn remove(&mut self, attempt: AttemptId) {
        self.promote(attempt);
        self.last_facts = self.attempt.as_ref().and_then(|attempt| attempt.facts);
        self.attempt = self.rival.take();
    }

    /// Where in the queue it belongs; `first` if it has had its turn already.
    pub(crate) fn place(&self, first: bool) -> Place {
        let priority = self.request.overrides.priority.unwrap_or_default();
        Place { lane: self.lane, priority, body: self.body, first }
    }

    /// Whether this attempt is in flight, and not an earlier one.
    pub(crate) fn is_running(&self, attempt: AttemptId) -> bool {
        self.in_flight().any(|running| running.number == attempt.number)
    }

    fn in_flight(&self) -> impl Iterator<Item = &Attempt> {
        self.attempt.iter().chain(&self.rival)
    }

    /// An attempt in flight whose time is over, `key` being this request's.
    pub(crate) fn expired_attempt(&self, now: Instant, key: Key) -> Option<AttemptId> {
        let expired = self.in_flight().find(|attempt| attempt.expires <= now)?;
        Some(AttemptId { key, number: expired.number })
    }

    pub(crate) fn head(&self) -> Option<&Head> {
        self.attempt.as_ref()?.head.as_ref()
    }

    /// The failure that `cause` means at the point this request has come to.
    pub(crate) fn failure(&self, cause: Cause) -> Failure {
        let repeatable = self.request.is_repeatable();
        match (&self.attempt, self.head()) {
            (_, Some(head)) => Failure::after_head(cause, repeatable, head.status),
            (Some(_), None) => Failure::new(cause, repeatable),
            (None, None) if self.attempts > 0 => {
                let failure = Failure::new(cause, repeatable);
                Failure {
                    phase: Phase::Queue,
                    sent: Sent::Maybe,
                    retryable: failure.retryable && repeatable,
                    ..failure
                }
            }
            (None, None) => Failure::unsent(cause, Phase::Queue),
        }
    }

    /// The failure of the attempt in flight, with what the host says of it: it knows better than the table of causes.
    pub(crate) fn failed(&self, failed: Failed) -> Failure {
        let Failed { cause, detail, seen } = failed;
        let failure = Failure { detail, ..self.failure(cause) };
        let repeatable = self.request.is_repeatable();
        match seen {
            Some(Seen { phase, sent, .. }) => {
                let retryable = cause.is_transient() && (repeatable || sent == Sent::No);
                Failure { phase, sent, retryable, ..failure }
            }
            // Most hosts say this of a connection that ended too early, which may pass, as of what is not HTTP, which does not.
            None if cause == Cause::HttpProtocolError => Failure { retryable: repeatable, ..failure },
            None => failure,
        }
    }

    /// How long the attempt took to its head.
    pub(crate) fn head_latency(&self) -> Option<Duration> {
        let attempt = self.attempt.as_ref()?;
        let seen = attempt.facts.and_then(|facts| facts.head);
        seen.or_else(|| Some(attempt.head.as_ref()?.at.since(attempt.started)))
    }

    /// What has become of it by now.
    pub(crate) fn outcome<R>(&self, now: Instant, result: Result<R, Failure>) -> Outcome<R> {
        Outcome {
            id: self.request.id,
            url: self.url.to_string(),
            attempts: self.attempts,
            hops: self.hops.iter().map(Url::to_string).collect(),
            timing: self.timing(now),
            last_attempt: self.attempt.as_ref().map_or(self.last_facts, |attempt| attempt.facts),
            result,
        }
    }

    fn timing(&self, now: Instant) -> Timing {
        let queued = self.first_started.unwrap_or(now).since(self.arrived);
        let body = self.head().map(|head| now.since(head.at));
        Timing { queued, head: self.head_latency(), body, total: now.since(self.arrived) }
    }
}

/// All of them, found by key in O(1).
#[derive(Debug, Default)]
pub(crate) struct LiveSet {
    slab: Slab<Live>,
}

impl LiveSet {
    pub(crate) fn insert(&mut self, live: Live) -> Key {
        let serial = live.serial;
        Key { serial, slot: self.slab.insert(live) }
    }

    pub(crate) fn get(&self, key: Key) -> Option<&Live> {
        self.slab.get(key.slot).filter(|live| live.serial == key.serial)
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut Live> {
        self.slab.get_mut(key.slot).filter(|live| live.serial == key.serial)
    }

    pub(crate) fn running_mut(&mut self, attempt: AttemptId) -> Option<&mut Attempt> {
        let Live { attempt: first, rival, .. } = self.get_mut(attempt.key)?;
        first.iter_mut().chain(rival).find(|running| running.number == attempt.number)
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<Live> {
        self.get(key)?;
        self.slab.try_remove(key.slot)
    }

    pub(crate) fn contains(&self, key: Key) -> bool {
        self.get(key).is_some()
    }

    pub(crate) fn is_waiting(&self, key: Key) -> bool {
        self.get(key).is_some_and(|live| live.attempt.is_none() && live.again_at.is_none())
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    /// Their keys in the order they were read.
    pub(crate) fn keys(&self) -> Vec<Key> {
        let mut keys: Vec<Key> = self.slab.iter().map(|(slot, live)| Key { serial: live.serial, slot }).collect();
        keys.sort_unstable();
        keys
    }
}

/// `started + span`, but no later than the request's own end.
pub(crate) fn attempt_expires(started: Instant, span: Duration, request_expires: Instant) -> Instant {
    (started + span).min(request_expires)
}
