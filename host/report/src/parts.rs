//! Splits the time of a request into parts.

use fantail_engine::Phase;
use fantail_wire::Outcome;
use std::time::Duration;

/// A part of the time of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Queued,
    /// Attempts before the last one, redirects, and the waits between them.
    Earlier,
    /// Waiting for a connection of the pool.
    Connection,
    Resolve,
    Connect,
    Tls,
    Head,
    Body,
    /// What no other part names.
    Other,
}

impl Part {
    /// In the order in which they pass.
    pub(crate) const ALL: [Part; 9] = [
        Part::Queued,
        Part::Earlier,
        Part::Connection,
        Part::Resolve,
        Part::Connect,
        Part::Tls,
        Part::Head,
        Part::Body,
        Part::Other,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Part::Queued => "queued",
            Part::Earlier => "earlier attempts",
            Part::Connection => "waiting for a connection",
            Part::Resolve => "resolve",
            Part::Connect => "connect",
            Part::Tls => "TLS",
            Part::Head => "to head",
            Part::Body => "body",
            Part::Other => "other",
        }
    }

    /// Its name in the style sheet.
    pub(crate) fn style(self) -> &'static str {
        match self {
            Part::Queued => "p-queued",
            Part::Earlier => "p-earlier",
            Part::Connection => "p-connection",
            Part::Resolve => "p-resolve",
            Part::Connect => "p-connect",
            Part::Tls => "p-tls",
            Part::Head => "p-head",
            Part::Body => "p-body",
            Part::Other => "p-other",
        }
    }

    fn failing_in(phase: Phase) -> Self {
        match phase {
            Phase::Queue => Part::Queued,
            Phase::Resolve => Part::Resolve,
            Phase::Connect => Part::Connect,
            Phase::Tls => Part::Tls,
            Phase::Head => Part::Head,
            Phase::Body => Part::Body,
            Phase::Request | Phase::Redirect | Phase::Guest => Part::Other,
        }
    }
}

/// The parts of the time of a request, in microseconds. They add up to the total, or to more if measurements overlap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parts([u64; Part::ALL.len()]);

impl Parts {
    pub(crate) fn of(outcome: &Outcome) -> Self {
        let mut parts = Self::default();
        let timing = outcome.timing;
        let facts = outcome.last_attempt.unwrap_or_default();
        parts.set(Part::Queued, Some(timing.queued));
        parts.set(Part::Connection, facts.queued);
        parts.set(Part::Resolve, facts.resolve);
        parts.set(Part::Connect, facts.connect);
        parts.set(Part::Tls, facts.tls);
        parts.set(Part::Head, timing.head.or(facts.head));
        parts.set(Part::Body, timing.body);
        let rest = micros(timing.total).saturating_sub(parts.sum());
        let failed_in = outcome.result.as_ref().err().map(|failure| Part::failing_in(failure.phase));
        let part = match failed_in {
            _ if has_earlier_attempts(outcome) => Part::Earlier,
            // A part that did not end has no measurement, so the rest of the time is its own.
            Some(part) if parts.get(part) == 0 => part,
            Some(_) | None => Part::Other,
        };
        parts.add(part, rest);
        parts
    }

    pub(crate) fn get(&self, part: Part) -> u64 {
        self.0.get(part as usize).copied().unwrap_or_default()
    }

    pub(crate) fn sum(&self) -> u64 {
        self.0.iter().fold(0, |sum, part| sum.saturating_add(*part))
    }

    fn set(&mut self, part: Part, span: Option<Duration>) {
        self.add(part, span.map_or(0, micros));
    }

    fn add(&mut self, part: Part, micros: u64) {
        if let Some(sum) = self.0.get_mut(part as usize) {
            *sum = sum.saturating_add(micros);
        }
    }
}

pub(crate) fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// Whether part of the time went to attempts before the last one.
fn has_earlier_attempts(outcome: &Outcome) -> bool {
    outcome.attempts > 1 || !outcome.hops.is_empty()
}

/// When the request was read, in microseconds since 1970, as far as the outcome tells. With earlier attempts it is counted back from the
/// end of the last one.
pub(crate) fn started_us(outcome: &Outcome) -> Option<u64> {
    let facts = outcome.last_attempt?;
    let started = facts.started.map(|nanos| nanos / 1_000).filter(|started| *started > 0)?;
    if !has_earlier_attempts(outcome) {
        return Some(started.saturating_sub(micros(outcome.timing.queued)));
    }
    let spans = [facts.queued, facts.resolve, facts.connect, facts.tls, facts.head, outcome.timing.body];
    let ended = spans.into_iter().flatten().fold(started, |sum, span| sum.saturating_add(micros(span)));
    Some(ended.saturating_sub(micros(outcome.timing.total)))
}
