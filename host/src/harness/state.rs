//! The data of a batch's store.

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

/// The data of a batch's store: the host's side of one instance and its batch.
pub(crate) struct State {
    pub(super) sandbox: Sandbox,
    pub(super) ledger: Ledger,
    pub(super) tally: Tally,
    /// When the reader first polled for an outcome.
    pub(super) started: Option<Instant>,
    /// Why the component broke down, if it did. Shared with unread bodies.
    pub(super) broken_reason: Arc<OnceLock<String>>,
    /// Cancelled when the reader cancels the batch, and with it its unread bodies.
    pub(super) cancelled: CancellationToken,
    /// Held by every unread body of a component for WASI 0.3: when the last one is dropped, the batch ends.
    pub(super) alive: Option<mpsc::Sender<()>>,
}

/// Requests that are handed over to the component in one call.
pub(super) struct Handover {
    /// Each with the number that the component is to know it by.
    pub(super) requests: Vec<(u32, Request)>,
    /// The component has room for more requests than the input has now.
    pub(super) wants_more: bool,
    /// It may have room for more after these.
    pub(super) is_full: bool,
    /// The input ends with these.
    pub(super) is_last: bool,
}

/// An outcome as the component reports it.
pub(super) struct ComponentOutcome {
    pub(super) url: String,
    pub(super) attempts: u32,
    pub(super) hops: Vec<String>,
    pub(super) timing: Timing,
    pub(super) last_attempt: Option<Facts>,
    pub(super) result: Result<Response, Failure>,
}

/// Bytes of requests after which no further one is handed over in the same call. Then the component is asked again how much room it has.
const PUSH_BYTES: u64 = 1 << 20;

impl State {
    pub(super) fn new(limits: Limits, sender: Sender, cancelled: CancellationToken) -> Self {
        Self {
            sandbox: Sandbox::new(limits, sender, &[]),
            ledger: Ledger::default(),
            tally: Tally::new(),
            started: None,
            broken_reason: Arc::default(),
            cancelled,
            alive: None,
        }
    }

    /// The reader has polled for its first outcome.
    pub(super) fn start(&mut self) {
        self.started.get_or_insert_with(Instant::now);
    }

    /// Takes what the input has now, as far as the component and the limits have room for it, and records it in the ledger.
    pub(super) fn take_from(&mut self, input: &mut Input, room: u32) -> Handover {
        let limits = &self.sandbox.limits;
        let remaining = usize::try_from(limits.requests.saturating_sub(self.ledger.total())).unwrap_or(usize::MAX);
        let room = (room as usize).min(limits.handed_over.saturating_sub(self.ledger.len())).min(remaining);
        let mut requests = Vec::new();
        let mut bytes = 0;
        while requests.len() < room
            && bytes < PUSH_BYTES
            && let Poll::Ready(Some(entry)) = input.poll_next(&mut Context::from_waker(Waker::noop()))
        {
            self.tally.arrived();
            let (number, request) = self.ledger.open(entry);
            bytes += request.size();
            requests.push((number, request));
        }
        if requests.len() == room {
            input.pause();
        }
        let is_last = input.is_ended() || remaining == requests.len();
        let is_full = bytes >= PUSH_BYTES;
        Handover { wants_more: requests.len() < room && !is_full, is_full, is_last, requests }
    }

    /// Closes a request with the component's outcome, and returns that under the caller's id, with the harness's corrections. Returns
    /// none if no request with this number is open.
    pub(super) fn close(&mut self, number: u32, received: ComponentOutcome) -> Option<Outcome> {
        let open = self.ledger.close(number)?;
        let ComponentOutcome { url, attempts, hops, timing, last_attempt, result } = received;
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
