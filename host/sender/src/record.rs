//! The facts of one attempt.

use crate::error::SendError;
use crate::timeouts::RequestTimeouts;
use crate::watch::Watch;
use fantail_engine::{Facts, Phase, Protocol, Sent};
use fantail_facts::Attempt;
use http::{HeaderMap, HeaderValue, header::HeaderName};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// The request header that asks for facts ([`fantail_facts::ATTEMPT`]).
pub(crate) const ATTEMPT: HeaderName = HeaderName::from_static(fantail_facts::ATTEMPT);

/// The response header that contains them ([`fantail_facts::FACTS`]).
pub(crate) const FACTS: HeaderName = HeaderName::from_static(fantail_facts::FACTS);

/// What facts a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FactsRequest {
    Nothing,
    /// The facts of this attempt.
    Facts(Attempt),
    Events,
}

impl FactsRequest {
    /// Removes the header from a request's head, so that it is not sent to the peer.
    pub(crate) fn take(headers: &mut HeaderMap) -> Self {
        // The last one is the component's own, whatever a caller may have set.
        let last = headers.get_all(ATTEMPT).iter().next_back().cloned();
        let Some(value) = last else { return Self::Nothing };
        headers.remove(ATTEMPT);
        match value.to_str() {
            Ok(fantail_facts::EVENTS) => Self::Events,
            Ok(attempt) => attempt.parse().map_or(Self::Nothing, Self::Facts),
            Err(_) => Self::Nothing,
        }
    }

    /// The timeouts that came with it.
    pub(crate) fn timeouts(self) -> Option<RequestTimeouts> {
        let Self::Facts(Attempt { timeouts: Some(timeouts), .. }) = self else { return None };
        let fantail_facts::Timeouts { connect, head, idle } = timeouts;
        Some(RequestTimeouts { connect: Some(connect), head: Some(head), idle: Some(idle) })
    }
}

/// Collects the facts of one attempt.
pub(crate) struct Record {
    /// Its number, if facts were requested.
    number: Option<u64>,
    facts: Facts,
    sent: Sent,
    /// When it was last handed to a connection.
    sending_since: Option<Instant>,
    /// The value of `sent` before that.
    sent_before: Sent,
    pub(crate) watch: Arc<Watch>,
}

impl Record {
    pub(crate) fn new(requested: FactsRequest, watch: Arc<Watch>) -> Self {
        let number = if let FactsRequest::Facts(attempt) = requested { Some(attempt.number) } else { None };
        let now = || u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_nanos()).ok();
        let facts = Facts { started: number.and_then(|_| now()), queued: Some(Duration::ZERO), ..Facts::default() };
        Self { number, facts, sent: Sent::No, sending_since: None, sent_before: Sent::No, watch }
    }

    /// It has waited for a slot, for a stream, for another request to find out the protocol, or for the trusted roots.
    pub(crate) fn queued(&mut self, since: Instant) {
        add(&mut self.facts.queued, since.elapsed());
    }

    pub(crate) fn resolved(&mut self, since: Instant) {
        add(&mut self.facts.resolve, since.elapsed());
    }

    pub(crate) fn connected(&mut self, since: Instant) {
        add(&mut self.facts.connect, since.elapsed());
    }

    pub(crate) fn tls_handshake(&mut self, since: Instant) {
        add(&mut self.facts.tls, since.elapsed());
    }

    /// It is handed to a connection. Returns its number if an event is to be reported for it.
    pub(crate) fn sending(&mut self, remote: Option<SocketAddr>, protocol: Protocol, reused: bool) -> Option<u64> {
        // The time spent on a connection that turned out to be closed counts as queued too.
        if let Some(since) = self.sending_since {
            self.queued(since);
        }
        self.watch.reset();
        self.sending_since = Some(Instant::now());
        self.sent_before = self.sent;
        self.sent = Sent::Maybe;
        self.facts = Facts { remote, protocol: Some(protocol), reused: Some(reused), ..self.facts };
        self.number
    }

    /// The connection has returned the request without sending any of it.
    pub(crate) fn unsent(&mut self) {
        self.sent = self.sent_before;
    }

    /// The head of the response arrived at this time.
    pub(crate) fn head(&mut self, at: Instant) {
        self.sent = Sent::Yes;
        self.facts.head = self.sending_since.map(|since| at.saturating_duration_since(since));
    }

    /// Removes any facts header of the peer's from a response's head, and adds the true facts if they were requested.
    pub(crate) fn write_facts(&mut self, headers: &mut HeaderMap) {
        headers.remove(FACTS);
        if let Some(facts) = self.requested_facts()
            && let Ok(value) = HeaderValue::try_from(fantail_facts::write(&facts))
        {
            headers.insert(FACTS, value);
        }
    }

    /// The facts so far, if they were requested.
    pub(crate) fn requested_facts(&mut self) -> Option<Facts> {
        let ended = self.watch.body_ended_at();
        self.facts.send = ended.zip(self.sending_since).map(|(ended, since)| ended.saturating_duration_since(since));
        self.number.map(|_| self.facts)
    }

    /// Adds to an error what is known of its attempt.
    pub(crate) fn add_to_error(&mut self, error: SendError) -> SendError {
        let sent = if error.phase == Phase::Request { Sent::No } else { self.sent };
        SendError { sent, facts: self.requested_facts().map(Box::new), ..error }
    }
}

fn add(total: &mut Option<Duration>, more: Duration) {
    *total = Some(total.unwrap_or_default() + more);
}
