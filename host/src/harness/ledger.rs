//! Records which requests were handed to the component and have no outcome, so that none is lost, whatever the component does.

use fantail_engine::{Cause, Failure, Outcome, Phase, Request, Timing, without_credentials};
use std::collections::HashMap;
use std::time::Instant;

/// One item of a batch's input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A request.
    Request(crate::Request),
    /// Input that is not a valid request. It gets an outcome too, in order.
    Malformed(Malformed),
}

/// Input that is not a valid request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The id of its outcome.
    pub id: u64,
    /// The URL of its outcome, from which credentials are removed; empty if none can be read.
    pub url: String,
    /// What is wrong, where, and how to fix it.
    pub detail: String,
}

impl From<crate::Request> for Entry {
    fn from(request: crate::Request) -> Self {
        Entry::Request(request)
    }
}

/// From the engine's type, for example as read from JSON by `fantail-wire`.
impl From<Request> for Entry {
    fn from(request: Request) -> Self {
        Entry::Request(request.into())
    }
}

/// An entry with an id: its own, or else its position in the input.
pub(super) type Numbered = Result<Request, Malformed>;

impl Entry {
    pub(super) fn numbered(self, position: u64) -> Numbered {
        match self {
            Entry::Request(request) => Ok(request.numbered(position)),
            Entry::Malformed(malformed) => Err(malformed),
        }
    }
}

/// The component sees numbers of ours in place of the callers' ids, which need not be unique. An outcome whose number is not open
/// belongs to no request, and is dropped.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    total: u64,
    next: u32,
    open: HashMap<u32, Open>,
}

/// A request without an outcome.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) id: u64,
    /// Why the input is not a valid request, if it is not: the component is handed an empty request in its place, so that the outcome
    /// comes in order.
    pub(super) malformed: Option<Malformed>,
    /// Without credentials.
    pub(super) url: String,
    since: Instant,
    /// How many requests were opened before this one.
    sequence: u64,
}

impl Ledger {
    /// Records that a request is handed to the component. Returns the number to hand it over under.
    pub(super) fn open(&mut self, entry: Numbered) -> (u32, Request) {
        // Numbers wrap around after 2^32, when an old one may still be open.
        while self.open.contains_key(&self.next) {
            self.next = self.next.wrapping_add(1);
        }
        let (number, sequence) = (self.next, self.total);
        (self.next, self.total) = (number.wrapping_add(1), sequence + 1);
        let (request, malformed) = match entry {
            Ok(request) => (request, None),
            Err(malformed) => (Request::default(), Some(malformed)),
        };
        let id = malformed.as_ref().map_or(request.id, |malformed| malformed.id);
        let url = malformed.as_ref().map_or(&request.url, |malformed| &malformed.url);
        let url = without_credentials(url).into_owned();
        self.open.insert(number, Open { id, malformed, url, since: Instant::now(), sequence });
        (number, request)
    }

    /// Records that the component has given an outcome.
    pub(super) fn close(&mut self, number: u32) -> Option<Open> {
        self.open.remove(&number)
    }

    /// Whether the component has not yet given an outcome.
    pub(super) fn contains(&self, number: u32) -> bool {
        self.open.contains_key(&number)
    }

    /// How many requests were opened so far.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Closes all open requests, oldest first.
    pub(super) fn close_all(&mut self) -> Vec<Open> {
        let mut open: Vec<Open> = self.open.drain().map(|(_, open)| open).collect();
        open.sort_unstable_by_key(|open| open.sequence);
        open
    }
}

impl Open {
    /// The outcome of a request for which the component will give none. Whether and how often it was sent, and how long each step took, is
    /// unknown: `attempts` counts the known ones, which is none.
    pub(super) fn without_answer<R>(self, cause: Cause, detail: &str) -> Outcome<R> {
        let timing = Timing { total: self.since.elapsed(), ..Timing::default() };
        let failure = Failure { phase: Phase::Guest, ..Failure::new(cause, false) }.with_detail(detail);
        let failure = self.malformed.map_or(failure, |malformed| malformed.failure());
        Outcome {
            id: self.id,
            url: self.url,
            attempts: 0,
            hops: Vec::new(),
            timing,
            last_attempt: None,
            result: Err(failure),
        }
    }

    /// The outcome of a request that the component did not take: nothing of it was sent.
    pub(super) fn not_taken<R>(self, cause: Cause, detail: &str) -> Outcome<R> {
        let unsent = Failure::unsent(cause, Phase::Queue).with_detail(detail);
        let failure = self.malformed.as_ref().map_or(unsent, Malformed::failure);
        let outcome = self.without_answer(cause, detail);
        let timing = Timing { queued: outcome.timing.total, ..outcome.timing };
        Outcome { timing, result: Err(failure), ..outcome }
    }
}

impl Malformed {
    /// The failure that replaces the component's outcome for the empty request.
    pub(super) fn failure(&self) -> Failure {
        Failure::new(Cause::InvalidRequest, true).with_detail(&self.detail)
    }
}

/// The outcome of an entry that the component was never handed.
pub(super) fn not_handed_over<R>(entry: Numbered, (cause, phase): (Cause, Phase), detail: &str) -> Outcome<R> {
    let (id, url, failure) = match entry {
        Ok(request) => {
            let failure = Failure::unsent(cause, phase).with_detail(detail);
            (request.id, without_credentials(&request.url).into_owned(), failure)
        }
        Err(malformed) => (malformed.id, without_credentials(&malformed.url).into_owned(), malformed.failure()),
    };
    let (hops, timing, last_attempt) = Default::default();
    Outcome { id, url, attempts: 0, hops, timing, last_attempt, result: Err(failure) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fantail_engine::Sent;
    use std::time::Duration;

    /// T7: unknown facts are not invented. T12: a password is not shown.
    #[test]
    fn an_outcome_made_without_the_component_claims_nothing_about_what_was_sent() {
        let mut ledger = Ledger::default();
        ledger.open(Ok(Request::get(7, "http://me:secret@a.test/")));
        let open = ledger.close_all().remove(0);
        let outcome: Outcome<()> = open.without_answer(Cause::Cancelled, "cancelled");
        let failure = outcome.result.unwrap_err();
        assert_eq!((outcome.id, outcome.url.as_str(), outcome.attempts), (7, "http://a.test/", 0));
        assert_eq!((failure.phase, failure.sent, failure.retryable), (Phase::Guest, Sent::Maybe, false));
        assert_eq!((outcome.timing.queued, outcome.timing.head), (Duration::ZERO, None));
    }
}
