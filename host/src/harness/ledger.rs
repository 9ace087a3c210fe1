//! Requests that the component has been handed and has not answered: why nothing is lost, whatever it does.

use fantail_engine::{Cause, Failure, Outcome, Phase, Request, Timing};
use std::collections::HashMap;
use std::time::Instant;

/// The component sees serial numbers of ours in place of the callers' ids, which need not be unique. An outcome for a
/// serial that is not open is none of a request's, and is dropped.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    serial: u64,
    open: HashMap<u64, Open>,
}

/// A request without an outcome.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) id: u64,
    url: String,
    since: Instant,
}

impl Ledger {
    /// Notes that the component gets a request; gives the number it shall know it by.
    pub(super) fn open(&mut self, request: &Request) -> u64 {
        let serial = self.serial;
        self.serial += 1;
        self.open.insert(serial, Open { id: request.id, url: request.url.clone(), since: Instant::now() });
        serial
    }

    /// Notes that the component has answered.
    pub(super) fn close(&mut self, serial: u64) -> Option<Open> {
        self.open.remove(&serial)
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Closes all that are open, oldest first.
    pub(super) fn close_all(&mut self) -> Vec<Open> {
        let mut open: Vec<(u64, Open)> = self.open.drain().collect();
        open.sort_unstable_by_key(|(serial, _)| *serial);
        open.into_iter().map(|(_, open)| open).collect()
    }
}

impl Open {
    /// The outcome of a request that the component will not answer.
    pub(super) fn unanswered<R>(self, cause: Cause, detail: &str) -> Outcome<R> {
        let total = self.since.elapsed();
        let timing = Timing { queued: total, head: None, total };
        let failure = Failure::new(cause, false).with_detail(detail);
        Outcome { id: self.id, url: self.url, attempts: 0, hops: Vec::new(), timing, result: Err(failure) }
    }
}

/// The outcome of a request that the component was never handed.
pub(super) fn never_handed_over<R>(request: Request, cause: Cause, detail: &str) -> Outcome<R> {
    let phase = if cause == Cause::InternalError { Phase::Guest } else { Phase::Queue };
    let failure = Failure::unsent(cause, phase).with_detail(detail);
    let (hops, timing) = (Vec::new(), Timing::default());
    Outcome { id: request.id, url: request.url, attempts: 0, hops, timing, result: Err(failure) }
}
