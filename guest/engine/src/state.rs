//! What a request is doing, and what its attempts have come to.

use crate::attempt_serial::AttemptSerial;
use crate::event::{AttemptId, AttemptReport, Failed, Key};
use crate::{Cause, Facts, Failure, Instant, Sent};
use std::time::Duration;

/// What a request does that has no outcome yet.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "most of those that are held are running")]
pub(crate) enum State {
    /// Gets what another gets that is the same.
    Following,
    /// Waits for a slot.
    Waiting(Why),
    /// Is to be sent again at that time.
    BackingOff(Instant),
    /// Has been sent.
    Running(Attempt, Second),
    /// Has been sent a second time beside the first: of the two the first to answer well counts.
    RunningTwice(Box<(Attempt, Attempt)>),
}

/// Why a request waits for a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It has not been sent.
    First,
    /// It was redirected.
    Redirected,
    /// It is sent again.
    RetryDecision,
    /// The same, because the connection had been closed that it was sent over: it has been let through already.
    Closed,
}

/// Whether a second attempt is to be made beside one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Second {
    Never,
    /// So long after the attempt has been sent.
    AfterSent,
    /// From then on, unless a head has come.
    At(Instant),
    /// It waits for a slot.
    Due,
}

/// An attempt that is in flight for a request.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) number: u32,
    /// Which of all attempts to origins it is.
    pub(crate) admitted: AttemptSerial,
    pub(crate) started: Instant,
    /// When the attempt's timeout strikes.
    pub(crate) expires: Instant,
    pub(crate) head: Option<Head>,
    /// What the host says of it.
    pub(crate) facts: Option<Facts>,
    /// It may have been sent over a connection that was open before.
    pub(crate) kept: bool,
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
    /// Attempts in flight, the earlier first.
    pub(crate) fn attempts(&self) -> impl Iterator<Item = &Attempt> {
        let (first, second) = match self {
            State::Following | State::Waiting(_) | State::BackingOff(_) => (None, None),
            State::Running(attempt, _) => (Some(attempt), None),
            State::RunningTwice(both) => (Some(&both.0), Some(&both.1)),
        };
        first.into_iter().chain(second)
    }

    pub(crate) fn attempt_mut(&mut self, number: u32) -> Option<&mut Attempt> {
        let (first, second) = match self {
            State::Following | State::Waiting(_) | State::BackingOff(_) => (None, None),
            State::Running(attempt, _) => (Some(attempt), None),
            State::RunningTwice(both) => (Some(&mut both.0), Some(&mut both.1)),
        };
        first.into_iter().chain(second).find(|attempt| attempt.number == number)
    }

    /// Whether it waits for a slot: for a second attempt, or for its next.
    pub(crate) fn waits(&self, for_second: bool) -> bool {
        match self {
            State::Waiting(_) => !for_second,
            State::Running(_, Second::Due) => for_second,
            State::Running(..) | State::Following | State::BackingOff(_) | State::RunningTwice(_) => false,
        }
    }
}

impl Attempt {
    /// Its name, `key` being its request's.
    pub(crate) fn id(&self, key: Key) -> AttemptId {
        AttemptId { key, number: self.number }
    }

    /// Whether it may have been sent over a connection that was open before.
    pub(crate) fn may_be_kept(&self) -> bool {
        self.facts.and_then(|facts| facts.reused).unwrap_or(self.kept)
    }

    pub(crate) fn status(&self) -> Option<u16> {
        Some(self.head.as_ref()?.status)
    }

    /// How long it took to its head.
    pub(crate) fn head_latency(&self) -> Option<Duration> {
        let seen = self.facts.and_then(|facts| facts.head);
        seen.or_else(|| Some(self.head.as_ref()?.at.since(self.started)))
    }

    /// How long its body has taken by now.
    pub(crate) fn body_latency(&self, now: Instant) -> Option<Duration> {
        Some(now.since(self.head.as_ref()?.at))
    }

    /// The failure that `cause` means at the point it has come to.
    pub(crate) fn failure(&self, cause: Cause, repeatable: bool) -> Failure {
        match &self.head {
            Some(head) => Failure::after_head(cause, repeatable, head.status),
            None => Failure::new(cause, repeatable),
        }
    }

    /// The same with what the host says of it, which knows better than the table of causes.
    pub(crate) fn failed(&self, failed: Failed, repeatable: bool) -> Failure {
        let Failed { cause, detail, seen } = failed;
        let failure = Failure { detail, ..self.failure(cause, repeatable) };
        match seen.as_deref() {
            Some(&AttemptReport { phase, sent, .. }) => {
                let retryable = cause.is_transient() && (repeatable || sent == Sent::No);
                Failure { phase, sent, retryable, ..failure }
            }
            // Most hosts say this of a connection that ended too early, which may pass, as of what is not HTTP, which does not.
            None if cause == Cause::HttpProtocolError => Failure { retryable: repeatable, ..failure },
            None => failure,
        }
    }
}
