//! The state of a request, and of its attempts in flight.

use crate::attempt_serial::AttemptSerial;
use crate::event::{AttemptId, AttemptReport, Failed, Key};
use crate::{Cause, Facts, Failure, Instant, Sent};
use std::time::Duration;

/// The state of a request without an outcome.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "most of those that are held are running")]
pub(crate) enum State {
    /// Shares the answer of an identical request.
    Following,
    /// Waits for a slot.
    Waiting(WaitReason),
    /// Will be sent again at that time.
    BackingOff(Instant),
    /// Has been sent.
    Running(Attempt, HedgePlan),
    /// Has two attempts in flight: the first good answer counts.
    Hedged(Box<(Attempt, Attempt)>),
}

/// Why a request waits for a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitReason {
    /// It has not been sent.
    First,
    /// It was redirected.
    Redirected,
    /// A failed attempt is repeated.
    Retry,
    /// The attempt's connection had been closed: admission was granted already.
    ConnectionClosed,
}

/// Whether and when a hedge is made beside an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HedgePlan {
    Never,
    /// A delay after the attempt has been sent.
    AfterSent,
    /// At this time, unless the head has arrived.
    At(Instant),
    /// It waits for a slot.
    Due,
}

/// An attempt that is in flight for a request.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) number: u32,
    /// Its number among all attempts to all origins.
    pub(crate) serial: AttemptSerial,
    pub(crate) started: Instant,
    /// When the host was seen to have begun to send it, if it tells.
    pub(crate) sent: Option<Instant>,
    /// When the attempt's timeout expires.
    pub(crate) expires: Instant,
    pub(crate) head: Option<Head>,
    /// What the host reported.
    pub(crate) facts: Option<Facts>,
    /// By our count, it may have been sent over an idle connection.
    pub(crate) may_reuse: bool,
    /// Bytes of its response that it may hold.
    pub(crate) granted: u64,
}

/// The head of a response.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) at: Instant,
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) location: Option<String>,
}

impl State {
    /// Attempts in flight, oldest first.
    pub(crate) fn attempts(&self) -> impl Iterator<Item = &Attempt> {
        let (first, second) = match self {
            State::Following | State::Waiting(_) | State::BackingOff(_) => (None, None),
            State::Running(attempt, _) => (Some(attempt), None),
            State::Hedged(both) => (Some(&both.0), Some(&both.1)),
        };
        first.into_iter().chain(second)
    }

    pub(crate) fn attempt_mut(&mut self, number: u32) -> Option<&mut Attempt> {
        let (first, second) = match self {
            State::Following | State::Waiting(_) | State::BackingOff(_) => (None, None),
            State::Running(attempt, _) => (Some(attempt), None),
            State::Hedged(both) => (Some(&mut both.0), Some(&mut both.1)),
        };
        first.into_iter().chain(second).find(|attempt| attempt.number == number)
    }

    /// Whether it waits for a slot: for a hedge, or for its next attempt.
    pub(crate) fn waits(&self, for_hedge: bool) -> bool {
        match self {
            State::Waiting(_) => !for_hedge,
            State::Running(_, HedgePlan::Due) => for_hedge,
            State::Running(..) | State::Following | State::BackingOff(_) | State::Hedged(_) => false,
        }
    }
}

impl Attempt {
    /// Its id. `key` is its request's.
    pub(crate) fn id(&self, key: Key) -> AttemptId {
        AttemptId { key, number: self.number }
    }

    /// Whether it may have been sent over a connection that was open before.
    pub(crate) fn may_have_reused_connection(&self) -> bool {
        self.facts.and_then(|facts| facts.reused).unwrap_or(self.may_reuse)
    }

    pub(crate) fn status(&self) -> Option<u16> {
        Some(self.head.as_ref()?.status)
    }

    /// Time to the head.
    pub(crate) fn head_latency(&self) -> Option<Duration> {
        let seen = self.facts.and_then(|facts| facts.head);
        seen.or_else(|| Some(self.head.as_ref()?.at.since(self.started)))
    }

    /// How long a head was waited for as a hedge waits for it: longer than [`Self::head_latency`] when there is so much to do that heads wait
    /// to be seen. Compared with anything shorter, many would be too slow.
    pub(crate) fn head_wait(&self) -> Option<Duration> {
        let seen = self.sent.zip(self.head.as_ref()).map(|(sent, head)| head.at.since(sent));
        seen.or_else(|| self.head_latency())
    }

    /// How long a head has been waited for.
    pub(crate) fn waited(&self, now: Instant) -> Duration {
        now.since(self.sent.unwrap_or(self.started))
    }

    /// Time since the head.
    pub(crate) fn body_latency(&self, now: Instant) -> Option<Duration> {
        Some(now.since(self.head.as_ref()?.at))
    }

    /// The failure for `cause` at the point that the attempt has reached.
    pub(crate) fn failure(&self, cause: Cause, repeatable: bool) -> Failure {
        match &self.head {
            Some(head) => Failure::after_head(cause, repeatable, head.status),
            None => Failure::new(cause, repeatable),
        }
    }

    /// The same with the host's report, which is more precise than the table of causes.
    pub(crate) fn failed(&self, failed: Failed, repeatable: bool) -> Failure {
        let Failed { cause, detail, report } = failed;
        let failure = Failure { detail, ..self.failure(cause, repeatable) };
        match report.as_deref() {
            Some(&AttemptReport { phase, sent, .. }) => {
                let retryable = cause.is_transient() && (repeatable || sent == Sent::No);
                Failure { phase, sent, retryable, ..failure }
            }
            // Most hosts report this for a connection that ended too early, which is transient, as well as for a peer
            // that does not speak HTTP, which is not.
            None if cause == Cause::HttpProtocolError => Failure { retryable: repeatable, ..failure },
            None => failure,
        }
    }
}
