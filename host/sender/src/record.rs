//! What is known of one attempt.

use crate::error::SendError;
use crate::watch::Watch;
use fantail_engine::{Facts, Phase, Protocol, Sent};
use http::{HeaderMap, HeaderValue, header::HeaderName};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// Asks for facts ([`fantail_facts::ATTEMPT`]).
pub(crate) const ATTEMPT: HeaderName = HeaderName::from_static(fantail_facts::ATTEMPT);

/// Has them ([`fantail_facts::FACTS`]).
pub(crate) const FACTS: HeaderName = HeaderName::from_static(fantail_facts::FACTS);

/// What a request asks to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FactsRequest {
    Nothing,
    /// The facts of the attempt with this number.
    Facts(u64),
    Events,
}

impl FactsRequest {
    /// Takes it out of a request's head: it is no business of the peer's.
    pub(crate) fn take(headers: &mut HeaderMap) -> Self {
        let Some(value) = headers.remove(ATTEMPT) else { return Self::Nothing };
        match value.to_str() {
            Ok(fantail_facts::EVENTS) => Self::Events,
            Ok(number) => number.parse().map_or(Self::Nothing, Self::Facts),
            Err(_) => Self::Nothing,
        }
    }
}

/// What is known of one attempt so far.
pub(crate) struct Record {
    /// Its number, if facts were asked for.
    number: Option<u64>,
    facts: Facts,
    sent: Sent,
    /// When it was last handed to a connection.
    sending: Option<Instant>,
    /// What was known before that.
    sent_before: Sent,
    pub(crate) watch: Arc<Watch>,
}

impl Record {
    pub(crate) fn new(asked: FactsRequest, watch: Arc<Watch>) -> Self {
        let number = if let FactsRequest::Facts(number) = asked { Some(number) } else { None };
        let now = || u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_nanos()).ok();
        let facts = Facts { started: number.and_then(|_| now()), queued: Some(Duration::ZERO), ..Facts::default() };
        Self { number, facts, sent: Sent::No, sending: None, sent_before: Sent::No, watch }
    }

    /// It has waited for a place, for a stream, or for whoever finds out the protocol.
    pub(crate) fn queued(&mut self, since: Instant) {
        add(&mut self.facts.queued, since.elapsed());
    }

    pub(crate) fn resolved(&mut self, since: Instant) {
        add(&mut self.facts.resolve, since.elapsed());
    }

    pub(crate) fn connected(&mut self, since: Instant) {
        add(&mut self.facts.connect, since.elapsed());
    }

    pub(crate) fn shook_hands(&mut self, since: Instant) {
        add(&mut self.facts.tls, since.elapsed());
    }

    /// It is handed to a connection. Gives its number, for who has to be told that it has begun.
    pub(crate) fn sending(&mut self, remote: SocketAddr, protocol: Protocol, reused: bool) -> Option<u64> {
        // What was lost on a connection that turned out to be closed was waiting too.
        if let Some(before) = self.sending {
            self.queued(before);
        }
        self.watch.reset();
        self.sending = Some(Instant::now());
        self.sent_before = self.sent;
        self.sent = Sent::Maybe;
        self.facts = Facts { remote: Some(remote), protocol: Some(protocol), reused: Some(reused), ..self.facts };
        self.number
    }

    /// The connection has given it back untouched.
    pub(crate) fn unsent(&mut self) {
        self.sent = self.sent_before;
    }

    /// Its head came at this moment.
    pub(crate) fn head(&mut self, at: Instant) {
        self.sent = Sent::Yes;
        self.facts.head = self.sending.map(|sending| at.saturating_duration_since(sending));
    }

    /// Takes what a peer says of itself out of a head, and says what is so if that was asked.
    pub(crate) fn write(&mut self, headers: &mut HeaderMap) {
        headers.remove(FACTS);
        if let Some(facts) = self.told()
            && let Ok(value) = HeaderValue::try_from(fantail_facts::write(&facts))
        {
            headers.insert(FACTS, value);
        }
    }

    /// What is known, if it was asked for.
    pub(crate) fn told(&mut self) -> Option<Facts> {
        let ended = self.watch.end_of_body();
        self.facts.send = ended.zip(self.sending).map(|(ended, sending)| ended.saturating_duration_since(sending));
        self.number.map(|_| self.facts)
    }

    /// The error with what is known of its attempt.
    pub(crate) fn failed(&mut self, error: SendError) -> SendError {
        let sent = if error.phase == Phase::Request { Sent::No } else { self.sent };
        SendError { sent, facts: self.told().map(Box::new), ..error }
    }
}

fn add(span: &mut Option<Duration>, more: Duration) {
    *span = Some(span.unwrap_or_default() + more);
}
