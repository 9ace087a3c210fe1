//! The promises that must always hold: a ledger of one batch's events and actions, and the checks after every step.

use crate::attempt::{Response, Running, WireRequest};
use crate::broken::Broken;
use crate::truth::Truth;
use fantail_engine::{
    AttemptId, BodyMode, Cause, Event, Failed, Hedge, Instant, Order, Outcome, Request, Sent, Settings, Summary, Until,
};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How late an outcome may be: as late as a timer.
const LATE: Duration = Duration::from_millis(5);

#[derive(Default)]
pub(crate) struct Ledger {
    started_at: Option<Instant>,
    closed: bool,
    left: bool,
    /// The reader has stopped the batch.
    stopped: bool,
    /// Requests without an outcome, with their deadlines.
    waiting: BTreeMap<u64, Waiting>,
    read: u64,
    emitted: u64,
    taken: u64,
    last: Option<u64>,
    responses: u64,
    failures: BTreeMap<Cause, u64>,
    /// Attempts and hops in emitted outcomes.
    reported: (u64, u64),
    /// The request of each attempt, and whether that may be repeated as it was sent: a redirect may have made it a GET.
    attempts: BTreeMap<AttemptId, (u64, bool)>,
    started: BTreeMap<u64, u32>,
    /// Requests that must not be sent again.
    must_not_resend: BTreeSet<u64>,
    /// Attempts whose head redirects.
    redirecting: BTreeSet<AttemptId>,
    pub(crate) peak: usize,
    truth: Truth,
    /// Requests that had a hedge.
    hedged: BTreeSet<u64>,
    successes: u32,
    /// Emitted outcomes meet the condition of `until`.
    enough: bool,
    shared: u64,
    /// Unread bodies that were handed out: those whose outcome may still be held back, and the others.
    unread: (BTreeMap<u64, AttemptId>, BTreeSet<AttemptId>),
}

/// A request without an outcome.
struct Waiting {
    until: Instant,
    /// As it was read.
    wire_request: WireRequest,
    /// Whether it may be sent twice without harm.
    repeatable: bool,
}

impl Ledger {
    /// Records requests that were read.
    pub(crate) fn read(&mut self, now: Instant, requests: &[Request], settings: &Settings, closed: bool) {
        for request in requests {
            let timeout = request.options.timeout.unwrap_or(settings.timeout);
            let Request { id, method, url, headers, .. } = request;
            let wire_request = WireRequest { method: method.clone(), url: url.clone(), headers: headers.clone() };
            let (until, repeatable) = (now + timeout + LATE, request.is_repeatable());
            self.waiting.insert(*id, Waiting { until, wire_request, repeatable });
            self.read += 1;
        }
        self.closed |= closed;
    }

    /// Records an event that is about to be passed to the engine.
    pub(crate) fn record_event(
        &mut self,
        now: Instant,
        event: &Event<Response>,
        running: &BTreeMap<AttemptId, Running>,
    ) {
        match event {
            Event::Demand => _ = self.started_at.get_or_insert(now),
            Event::Sent { .. } | Event::Wants { .. } => {}
            Event::Taken(count) => self.taken += u64::from(*count),
            Event::ReaderGone => self.left = true,
            Event::Stop => self.stopped = true,
            Event::Head { attempt, location, .. } => {
                self.truth.head(*attempt);
                self.mark_possibly_sent(*attempt);
                match location {
                    Some(_) => _ = self.redirecting.insert(*attempt),
                    None => self.reached(*attempt),
                }
            }
            Event::Failed { attempt, failed: Failed { cause, .. } } => {
                if cause.sent() != Sent::No {
                    self.mark_possibly_sent(*attempt);
                    self.reached(*attempt);
                }
            }
            Event::Ended { attempt, response, .. } => {
                self.truth.ended(*attempt, response.status, running);
                let unread = running.get(attempt).is_some_and(|running| running.body == BodyMode::Unread);
                if let Some((id, _)) = self.attempts.get(attempt).filter(|_| unread) {
                    self.unread.0.insert(*id, *attempt);
                }
            }
            Event::UnreadEnded { attempt } => {
                self.unread.0.retain(|_, other| other != attempt);
                self.unread.1.remove(attempt);
            }
            Event::Read { .. } | Event::Timer => {}
        }
    }

    /// Records a cancelled attempt.
    pub(crate) fn cancelled(&mut self, attempt: AttemptId) {
        self.mark_possibly_sent(attempt);
        self.reached(attempt);
    }

    fn mark_possibly_sent(&mut self, attempt: AttemptId) {
        if let Some((id, _)) = self.attempts.get(&attempt) {
            self.truth.mark_possibly_sent(*id);
        }
    }

    /// An origin may have seen this attempt.
    pub(crate) fn reached(&mut self, attempt: AttemptId) {
        if let Some((id, false)) = self.attempts.get(&attempt)
            && !self.redirecting.contains(&attempt)
        {
            self.must_not_resend.insert(*id);
        }
    }

    pub(crate) fn started(
        &mut self,
        now: Instant,
        attempt: AttemptId,
        request: &Request,
        running: &BTreeMap<AttemptId, Running>,
        settings: &Settings,
    ) -> Result<(), Broken> {
        let id = request.id;
        Broken::unless(!self.enough, || format!("request {id} was sent though there was enough"))?;
        Broken::unless(!self.stopped, || format!("request {id} was sent after the stop"))?;
        if let Some(earlier) = running.values().find(|running| running.id == id) {
            let hedged = self.hedged.insert(id);
            let due = match settings.hedge {
                None => false,
                Some(Hedge::After(delay)) => earlier.started + delay <= now,
                Some(Hedge::Auto) => true,
            };
            Broken::unless(hedged && due, || format!("request {id} was sent a second time beside the first"))?;
        } else {
            let may_hedge = |attempt: AttemptId, other: u64| {
                self.attempts.get(&attempt).is_some_and(|(_, repeatable)| *repeatable) && !self.hedged.contains(&other)
            };
            self.truth.check_turn(now, running, settings, may_hedge)?;
        }
        self.truth.started(id);
        Broken::unless(self.attempts.insert(attempt, (id, request.is_repeatable())).is_none(), || {
            format!("{attempt:?} was started twice")
        })?;
        Broken::unless(self.waiting.contains_key(&id), || format!("request {id} was sent after its outcome"))?;
        Broken::unless(!self.must_not_resend.contains(&id), || format!("request {id} must not be sent again"))?;
        let started = self.started.entry(id).or_default();
        *started += 1;
        // Plus a hedge, and one for a connection that was closed.
        let max = 1 + settings.retries + settings.redirects + u32::from(settings.hedge.is_some()) + 1;
        Broken::unless(*started <= max, || format!("request {id} was sent {started} times"))
    }

    pub(crate) fn emitted(
        &mut self,
        now: Instant,
        outcome: &Outcome<Response>,
        settings: &Settings,
    ) -> Result<(), Broken> {
        let id = outcome.id;
        let Some(Waiting { until, wire_request, repeatable }) = self.waiting.remove(&id) else {
            return Err(Broken(format!("an outcome too much for request {id}")));
        };
        let held_back = settings.order == Order::Input;
        Broken::unless(held_back || now <= until, || format!("the outcome of request {id} is late"))?;
        Broken::unless(!held_back || self.last < Some(id), || format!("request {id} out of order"))?;
        self.last = Some(id);
        self.emitted += 1;
        let started = self.started.get(&id).copied().unwrap_or_default();
        let claimed = outcome.attempts;
        Broken::unless(claimed == started, || format!("request {id} says {claimed} attempts of {started}"))?;
        Broken::unless(outcome.hops.len() <= settings.redirects as usize, || format!("request {id} hopped on"))?;
        self.reported.0 += u64::from(claimed);
        self.reported.1 += outcome.hops.len() as u64;
        match &outcome.result {
            Ok(response) => {
                self.responses += 1;
                self.shared += u64::from(claimed == 0);
                // A redirect may have changed the request.
                let same = !outcome.hops.is_empty() || response.wire_request == wire_request;
                let from = outcome.hops.first().unwrap_or(&outcome.url);
                Broken::unless(same && *from == wire_request.url, || {
                    format!("request {id} got what another wire_request for")
                })?;
            }
            Err(failure) => {
                self.truth.check(outcome, failure, repeatable, settings)?;
                *self.failures.entry(failure.cause).or_default() += 1;
            }
        }
        let succeeded = outcome.result.as_ref().is_ok_and(|response| response.status < 400);
        self.successes += u32::from(succeeded);
        self.enough |= match settings.until {
            Until::All => false,
            Until::Successes(wanted) => self.successes >= wanted,
            Until::FirstFailure => !succeeded,
        };
        if let Some(attempt) = self.unread.0.remove(&id).filter(|_| outcome.result.is_ok()) {
            self.unread.1.insert(attempt);
        }
        Ok(())
    }

    /// Checks what must hold whenever the engine has no more actions.
    pub(crate) fn check_step(
        &mut self,
        now: Instant,
        held: usize,
        running: &BTreeMap<AttemptId, Running>,
        settings: &Settings,
    ) -> Result<(), Broken> {
        let in_flight = running.len();
        Broken::unless(in_flight <= settings.concurrency as usize, || format!("{in_flight} in flight"))?;
        let mut by_origin: BTreeMap<usize, u32> = BTreeMap::new();
        for attempt in running.values() {
            *by_origin.entry(attempt.origin).or_default() += 1;
        }
        let max = by_origin.values().max().copied().unwrap_or_default();
        Broken::unless(max <= settings.per_origin, || format!("{max} in flight to one origin"))?;
        let unread = unread_running(running) + self.unread.1.len();
        Broken::unless(unread <= settings.max_unread as usize, || format!("{unread} unread bodies"))?;
        let untaken = self.read - self.taken;
        let within = self.closed || self.left || untaken <= u64::from(settings.window);
        Broken::unless(within, || format!("{untaken} in a window of {}", settings.window))?;
        let max = 300 + 30 * settings.window as usize;
        Broken::unless(held <= max, || format!("{held} entries held, {max} allowed"))?;
        let missing = self.waiting.keys().next().filter(|_| self.stopped && !self.left);
        Broken::unless(missing.is_none(), || format!("request {missing:?} has no outcome after the stop"))?;
        let over = settings
            .deadline
            .zip(self.started_at)
            .is_some_and(|(deadline, started_at)| started_at + deadline + LATE < now);
        let done = self.waiting.is_empty() || self.left || settings.order == Order::Input;
        Broken::unless(!over || done, || "outcomes are missing after the deadline".to_owned())
    }

    /// Checks what must hold for a summary.
    pub(crate) fn check_end(&self, summary: &Summary, settings: &Settings) -> Result<(), Broken> {
        let status = summary.by_status;
        let by_status = [status.informational, status.successful, status.redirection, status.client_error];
        let by_status = by_status.iter().sum::<u64>() + status.server_error + status.other;
        let attempts: u64 = self.started.values().map(|count| u64::from(*count)).sum();
        let sent = self.started.len() as u64;
        let repeated = attempts - sent;
        let named = summary.retries + summary.hedges;
        let equal =
            |what: &str, one: u64, other: u64| Broken::unless(one == other, || format!("{what}: {one} and {other}"));
        equal("requests", summary.requests, self.read)?;
        equal("responses and failures", summary.responses + summary.failures, summary.requests)?;
        equal("failures by cause", summary.by_cause.values().sum(), summary.failures)?;
        equal("responses by status", by_status, summary.responses)?;
        equal("attempts", summary.attempts, attempts)?;
        if settings.redirects == 0 {
            equal("attempts that repeated others", repeated, named)?;
        }
        Broken::unless(named <= repeated, || format!("{named} repeated, {repeated} seen"))?;
        let hedges = summary.hedges_won <= summary.hedges;
        Broken::unless(hedges, || "more second attempts won than were made".to_owned())?;
        equal("the peak", u64::from(summary.peak_in_flight), self.peak as u64)?;
        let unshared = summary.coalesced == 0 || settings.coalesce;
        Broken::unless(unshared, || "requests shared answers unasked".to_owned())?;
        let cause = self.left || self.stopped || self.enough || settings.deadline.is_some();
        Broken::unless(summary.input_ended || cause, || "it stopped for no reason".to_owned())?;
        if self.left {
            return Ok(());
        }
        let missing = self.waiting.keys().next();
        Broken::unless(missing.is_none(), || format!("request {missing:?} has no outcome"))?;
        equal("outcomes", self.emitted, self.read)?;
        equal("outcomes taken", self.taken, self.emitted)?;
        Broken::unless(self.shared <= summary.coalesced, || "a response without an attempt".to_owned())?;
        equal("responses handed out", summary.responses, self.responses)?;
        equal("attempts in outcomes", self.reported.0, attempts)?;
        Broken::unless(summary.by_cause == self.failures, || format!("{:?}, not {:?}", summary.by_cause, self.failures))
    }

    /// An upper bound of attempts for unread bodies and of unread bodies that were handed out.
    pub(crate) fn unread(&self, running: &BTreeMap<AttemptId, Running>) -> usize {
        unread_running(running) + self.unread.0.len() + self.unread.1.len()
    }

    /// Attempts of a request.
    pub(crate) fn attempts_of(&self, id: u64) -> u32 {
        self.started.get(&id).copied().unwrap_or_default()
    }
}

fn unread_running(running: &BTreeMap<AttemptId, Running>) -> usize {
    running.values().filter(|running| running.body == BodyMode::Unread).count()
}
