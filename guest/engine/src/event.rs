//! The engine's input and output: events from the shell, and actions for it.

use crate::{BodyMode, Cause, Facts, Outcome, Phase, Request, Sent, Summary};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Identifies one attempt of one request of one engine. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId {
    pub(crate) key: Key,
    /// From 1: a request may have several, mostly one after the other.
    pub(crate) number: u32,
}

impl AttemptId {
    /// A small number that no other attempt in flight has: an index into a table twice as large as `window`.
    pub fn slot(self) -> usize {
        // A request has two attempts in flight at most, one started right after the other.
        self.key.slot * 2 + usize::from(self.number.is_multiple_of(2))
    }
}

/// Identifies one request of one engine: its slot, and its number in the input, so that a stale key finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) serial: u64,
    pub(crate) slot: usize,
}

/// What happened outside the engine. `R` is the shell's response, which the engine passes on without looking into it.
#[derive(Clone, Debug)]
pub enum Event<R> {
    /// The reader asks for outcomes. The first one starts the batch.
    Demand,
    /// The answer to [`Action::Read`] and to [`Action::CloseInput`]: what was read, perhaps nothing, and whether the
    /// input has ended.
    Read {
        /// At most as many as were asked for; more only in answer to `CloseInput`.
        requests: Vec<Request>,
        /// No more requests will follow.
        ended: bool,
    },
    /// The host has begun to send an attempt. Reported once for each attempt, if
    /// [`Settings::host_facts`](crate::Settings) is on; otherwise an attempt counts as sent when it was started.
    Sent {
        /// The attempt.
        attempt: AttemptId,
    },
    /// The head of an attempt's response has arrived.
    Head {
        /// The attempt.
        attempt: AttemptId,
        /// The response's status.
        status: u16,
        /// How long it asks the client to wait: see [`retry_after`](crate::retry_after).
        retry_after: Option<Duration>,
        /// Its `location`, as it was written.
        location: Option<String>,
        /// What the host reported of the attempt.
        facts: Option<Facts>,
    },
    /// An attempt has read as much of its response's body as it may hold ([`FIRST_GRANT`](crate::FIRST_GRANT) to begin
    /// with), and there is more. It continues after [`Action::Grant`].
    Wants {
        /// The attempt.
        attempt: AttemptId,
        /// Bytes it wants to hold in all.
        bytes: u64,
    },
    /// An attempt has all that its body mode asks for.
    Ended {
        /// The attempt.
        attempt: AttemptId,
        /// The response, body included.
        response: R,
        /// Bytes of its body read by the shell.
        body_bytes: u64,
    },
    /// An attempt failed.
    Failed {
        /// The attempt.
        attempt: AttemptId,
        /// Why.
        failed: Failed,
    },
    /// An unread body that was handed out has ended or was dropped.
    UnreadEnded {
        /// The attempt that it came from.
        attempt: AttemptId,
    },
    /// The reader has taken this many of the emitted outcomes.
    Taken(u32),
    /// The time of [`Engine::next_timer`](crate::Engine::next_timer) has come. Harmless when early or late.
    Timer,
    /// The reader stays but wants no more requests sent: every request that was handed over gets its outcome now,
    /// `cancelled` if it has none yet.
    Stop,
    /// The reader is gone: outcomes have nowhere to go.
    ReaderGone,
}

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// What happened.
    pub cause: Cause,
    /// For people.
    pub detail: Option<String>,
    /// What the host reported of the attempt.
    pub report: Option<Box<AttemptReport>>,
}

/// What the host reported of an attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptReport {
    /// How far it had come.
    pub phase: Phase,
    /// Whether it may have reached the peer.
    pub sent: Sent,
    /// What else is known.
    pub facts: Facts,
}

impl Failed {
    /// A failure without a report from the host.
    pub fn new(cause: Cause, detail: Option<String>) -> Self {
        Self { cause, detail, report: None }
    }
}

/// What the shell has to do next.
#[derive(Clone, Debug)]
pub enum Action<R> {
    /// Read up to this many more requests. Only one read is under way at a time.
    Read(u32),
    /// Stop reading, then answer with what a pending read had received after all.
    CloseInput,
    /// Send a request.
    Start {
        /// Identifies the attempt in later events and actions.
        attempt: AttemptId,
        /// What to send, already checked.
        request: Arc<Request>,
        /// Where to.
        url: Url,
        /// What to do with the body.
        body: BodyMode,
    },
    /// Let an attempt hold as much as it wanted.
    Grant(AttemptId),
    /// Forget an attempt at once and close its connection. No more events about it are needed.
    Cancel(AttemptId),
    /// Hand an outcome to the reader.
    Emit(Box<Outcome<R>>),
    /// The batch has ended: every outcome was taken, or the reader is gone.
    Finish(Box<Summary>),
}
