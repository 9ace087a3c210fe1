//! Requests that the component has been handed and has not answered: why nothing is lost, whatever it does.

use fantail_engine::{Cause, Failure, Outcome, Phase, Request, Timing, without_credentials};
use std::collections::HashMap;
use std::time::Instant;

/// What a batch is fed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A request.
    Request(Request),
    /// Input that is not a request. It has its outcome too, in its turn.
    Malformed(Malformed),
}

/// Input that is not a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Given back in the outcome.
    pub id: u64,
    /// Given back in the outcome too, without credentials; empty if none can be read.
    pub url: String,
    /// What is wrong, where, and how to mend it.
    pub detail: String,
}

impl From<Request> for Entry {
    fn from(request: Request) -> Self {
        Entry::Request(request)
    }
}

/// The component sees numbers of ours in place of the callers' ids, which need not be unique. An outcome with a number that is not
/// open is none of a request's, and is dropped.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    read: u64,
    next: u32,
    open: HashMap<u32, Open>,
}

/// A request without an outcome.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) id: u64,
    /// Why the input is not a request, if it is not: the component is handed an empty one in its place, so that the outcome
    /// comes in its turn.
    pub(super) malformed: Option<Malformed>,
    /// As it may be shown.
    pub(super) url: String,
    since: Instant,
    /// How many were noted before.
    before: u64,
}

impl Ledger {
    /// Notes that the component gets a request; gives the number it shall know it by.
    pub(super) fn open(&mut self, entry: Entry) -> (u32, Request) {
        // They come round after 2^32, by when one may still be open.
        while self.open.contains_key(&self.next) {
            self.next = self.next.wrapping_add(1);
        }
        let (number, before) = (self.next, self.read);
        (self.next, self.read) = (number.wrapping_add(1), before + 1);
        let (request, malformed) = match entry {
            Entry::Request(request) => (request, None),
            Entry::Malformed(malformed) => (Request::default(), Some(malformed)),
        };
        let id = malformed.as_ref().map_or(request.id, |malformed| malformed.id);
        let url = malformed.as_ref().map_or(&request.url, |malformed| &malformed.url);
        let url = without_credentials(url).into_owned();
        self.open.insert(number, Open { id, malformed, url, since: Instant::now(), before });
        (number, request)
    }

    /// Notes that the component has answered.
    pub(super) fn close(&mut self, number: u32) -> Option<Open> {
        self.open.remove(&number)
    }

    /// Whether the component has still to answer.
    pub(super) fn contains(&self, number: u32) -> bool {
        self.open.contains_key(&number)
    }

    /// Requests noted so far.
    pub(super) fn read(&self) -> u64 {
        self.read
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Closes all that are open, oldest first.
    pub(super) fn close_all(&mut self) -> Vec<Open> {
        let mut open: Vec<Open> = self.open.drain().map(|(_, open)| open).collect();
        open.sort_unstable_by_key(|open| open.before);
        open
    }
}

impl Open {
    /// The outcome of a request that the component will not answer. How often it was sent, if at all, and where its time went is known to nobody:
    /// `attempts` counts those that are known of, which is none.
    pub(super) fn unanswered<R>(self, cause: Cause, detail: &str) -> Outcome<R> {
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
        let outcome = self.unanswered(cause, detail);
        let timing = Timing { queued: outcome.timing.total, ..outcome.timing };
        Outcome { timing, result: Err(failure), ..outcome }
    }
}

impl Malformed {
    /// Its failure, in place of what the component makes of an empty request.
    pub(super) fn failure(&self) -> Failure {
        Failure::new(Cause::InvalidRequest, true).with_detail(&self.detail)
    }
}

/// The outcome of an entry that the component was never handed.
pub(super) fn never_handed_over<R>(entry: Entry, reason: &str) -> Outcome<R> {
    let (id, url, failure) = match entry {
        Entry::Request(request) => {
            let failure = Failure::unsent(Cause::InternalError, Phase::Guest).with_detail(reason);
            (request.id, without_credentials(&request.url).into_owned(), failure)
        }
        Entry::Malformed(malformed) => {
            (malformed.id, without_credentials(&malformed.url).into_owned(), malformed.failure())
        }
    };
    let (hops, timing, last_attempt) = Default::default();
    Outcome { id, url, attempts: 0, hops, timing, last_attempt, result: Err(failure) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fantail_engine::Sent;
    use std::time::Duration;

    /// T7: what nobody knows is not made up. T12: nor is a password told.
    #[test]
    fn an_outcome_without_the_component_claims_nothing_of_what_was_sent() {
        let mut ledger = Ledger::default();
        ledger.open(Request::get(7, "http://me:secret@a.test/").into());
        let open = ledger.close_all().remove(0);
        let outcome: Outcome<()> = open.unanswered(Cause::Cancelled, "cancelled");
        let failure = outcome.result.unwrap_err();
        assert_eq!((outcome.id, outcome.url.as_str(), outcome.attempts), (7, "http://a.test/", 0));
        assert_eq!((failure.phase, failure.sent, failure.retryable), (Phase::Guest, Sent::Maybe, false));
        assert_eq!((outcome.timing.queued, outcome.timing.head), (Duration::ZERO, None));
    }
}
