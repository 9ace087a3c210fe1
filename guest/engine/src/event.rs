//! What the shell tells the engine, and what the engine asks of the shell.

use crate::{BodyMode, Cause, Outcome, Request, Summary};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Names one attempt of one request of one engine. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId {
    pub(crate) key: Key,
    /// From 1: a request may have several, most of them one after the other.
    pub(crate) number: u32,
}

impl AttemptId {
    /// A small number that no other attempt in flight has: good for indexing a table twice as large as `window`.
    pub fn slot(self) -> usize {
        // A request has two attempts in flight at most, one started right after the other.
        self.key.slot * 2 + usize::from(self.number.is_multiple_of(2))
    }
}

/// Names one request of one engine: where it lives, and its number in the input, so that a stale name finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) serial: u64,
    pub(crate) slot: usize,
}

/// What happened outside. `R` is the shell's response, which the engine carries and never looks into.
#[derive(Clone, Debug)]
pub enum Event<R> {
    /// The reader asks for outcomes. The first one starts the batch.
    Demand,
    /// The answer to [`Action::Read`] and to [`Action::CloseInput`]: what was read, perhaps nothing, and whether the
    /// input has ended.
    Read {
        /// At most as many as were asked for, more only in answer to `CloseInput`.
        requests: Vec<Request>,
        /// Nothing will follow.
        ended: bool,
    },
    /// The head of an attempt's response has arrived.
    Head {
        /// The attempt.
        attempt: AttemptId,
        /// The response's status.
        status: u16,
        /// How long it asks to be left alone: see [`retry_after`](crate::retry_after).
        retry_after: Option<Duration>,
        /// Where it says to look instead, as it was written.
        location: Option<String>,
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
        cause: Cause,
        /// For people.
        detail: Option<String>,
    },
    /// An unread body that was handed out has ended or was dropped.
    UnreadEnded {
        /// The attempt that it came from.
        attempt: AttemptId,
    },
    /// The reader has taken this many of the emitted outcomes.
    Taken(u32),
    /// The time given by [`Engine::next_timer`](crate::Engine::next_timer) has come. Harmless when early or late.
    Timer,
    /// The reader stays and wants no more than is pushed: every request that was handed over has its outcome now, `cancelled` if it has
    /// none yet.
    Stop,
    /// The reader is gone: outcomes have nowhere to go.
    ReaderGone,
}

/// What the shell has to do.
#[derive(Clone, Debug)]
pub enum Action<R> {
    /// Read up to this many more requests. One read is under way at a time.
    Read(u32),
    /// Stop reading, then answer with what a read under way had got after all.
    CloseInput,
    /// Send a request.
    Start {
        /// Names the attempt in what follows.
        attempt: AttemptId,
        /// What to send, already found fit.
        request: Arc<Request>,
        /// Where to.
        url: Url,
        /// What to do with the body.
        body: BodyMode,
    },
    /// Forget an attempt at once and close its connection. Nothing more needs to be said about it.
    Cancel(AttemptId),
    /// Hand an outcome to the reader.
    Emit(Box<Outcome<R>>),
    /// The batch is over: every outcome was taken, or the reader is gone.
    Finish(Box<Summary>),
}
