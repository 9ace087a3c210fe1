//! What the store of a batch holds.

use super::input::Input;
use super::ledger::Ledger;
use super::reasons::first_line;
use super::{Outcome, Response};
use crate::sandbox::{Limits, Sandbox, Sandboxed};
use fantail_engine::{Cause, Facts, Failure, Request, Tally, Timing};
use fantail_sender::Sender;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Instant;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::debug;
use wasmtime_wasi::{WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

/// What the store of a batch holds: the host's side of one instance and its batch.
pub(crate) struct State {
    pub(super) sandbox: Sandbox,
    pub(super) ledger: Ledger,
    pub(super) tally: Tally,
    /// When the first request was asked for.
    pub(super) begun: Option<Instant>,
    /// Why the component broke down, if it did: shared with unread bodies.
    pub(super) broken: Arc<OnceLock<String>>,
    /// The reader gives the batch up, and unread bodies with it.
    pub(super) cancelled: CancellationToken,
    /// Held by every unread body of a component for WASI 0.3: when the last is gone, so is the batch.
    pub(super) alive: Option<mpsc::Sender<()>>,
}

/// Requests on their way into the component.
pub(super) struct Given {
    /// By the numbers it shall know them by.
    pub(super) requests: Vec<(u32, Request)>,
    /// The component has room for more than the input has now.
    pub(super) is_hungry: bool,
    /// It may have room for more after these.
    pub(super) is_full: bool,
    /// No more will come.
    pub(super) is_last: bool,
}

/// What the component says of a request.
pub(super) struct Answered {
    pub(super) url: String,
    pub(super) attempts: u32,
    pub(super) hops: Vec<String>,
    pub(super) timing: Timing,
    pub(super) last_attempt: Option<Facts>,
    pub(super) result: Result<Response, Failure>,
}

/// Bytes of requests that are handed over at once, unless one alone is larger: then the component is asked again how much room it has.
const MOST_AT_ONCE: u64 = 1 << 20;

impl State {
    pub(super) fn new(limits: Limits, sender: Sender, cancelled: CancellationToken) -> Self {
        Self {
            sandbox: Sandbox::new(limits, sender, &[]),
            ledger: Ledger::default(),
            tally: Tally::new(),
            begun: None,
            broken: Arc::default(),
            cancelled,
            alive: None,
        }
    }

    /// The reader has asked for its first outcome.
    pub(super) fn begin(&mut self) {
        self.begun.get_or_insert_with(Instant::now);
    }

    /// Takes what the input has now, as far as there is room for it in the component and in the limits, and notes it in the ledger.
    pub(super) fn take_from(&mut self, input: &mut Input, room: u32) -> Given {
        let limits = &self.sandbox.limits;
        let left = usize::try_from(limits.requests.saturating_sub(self.ledger.read())).unwrap_or(usize::MAX);
        let room = (room as usize).min(limits.handed_over.saturating_sub(self.ledger.len())).min(left);
        let mut requests = Vec::new();
        let mut bytes = 0;
        while requests.len() < room
            && bytes < MOST_AT_ONCE
            && let Poll::Ready(Some(entry)) = input.poll_next(&mut Context::from_waker(Waker::noop()))
        {
            self.tally.arrived();
            let (number, request) = self.ledger.open(entry);
            bytes += request.size();
            requests.push((number, request));
        }
        let is_last = input.is_ended() || left == requests.len();
        let is_full = bytes >= MOST_AT_ONCE;
        Given { is_hungry: requests.len() < room && !is_full, is_full, is_last, requests }
    }

    /// The component's outcome as the reader gets it, under the caller's id, with what the harness knows better. None if no such request is
    /// open.
    pub(super) fn close(&mut self, number: u32, answered: Answered) -> Option<Outcome> {
        let open = self.ledger.close(number)?;
        let Answered { url, attempts, hops, timing, last_attempt, result } = answered;
        let mut outcome = Outcome { id: open.id, url, attempts, hops, timing, last_attempt, result };
        if let Err(Failure { detail: Some(detail), .. }) = &mut outcome.result {
            let line = first_line(detail).len();
            detail.truncate(line);
        }
        if let Some(malformed) = &open.malformed {
            outcome.result = Err(malformed.failure());
            outcome.url = open.url;
        }
        let status = outcome.result.as_ref().ok().map(|response| response.status);
        let (cause, phase) = match &outcome.result {
            Ok(_) => (None, None),
            Err(failure) => (Some(failure.cause.name()), Some(failure.phase.name())),
        };
        let total_us = u64::try_from(outcome.timing.total.as_micros()).unwrap_or(u64::MAX);
        debug!(id = outcome.id, attempts = outcome.attempts, status, cause, phase, total_us, "outcome");
        self.tally.finished(&outcome, status);
        Some(outcome)
    }

    /// The outcome of a request that the component did not take.
    pub(super) fn not_taken(&mut self, number: u32, cause: Cause, detail: &str) -> Option<Outcome> {
        let outcome = self.ledger.close(number)?.not_taken(cause, detail);
        self.tally.finished(&outcome, None);
        Some(outcome)
    }
}

impl Sandboxed for State {
    fn sandbox(&mut self) -> &mut Sandbox {
        &mut self.sandbox
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.sandbox.ctx()
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.sandbox.http()
    }
}
