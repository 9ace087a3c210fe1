//! One batch: an engine, and a shell that records what it does.

use crate::attempt::{Response, Running, WireRequest};
use crate::broken::Broken;
use crate::chains::Chains;
use crate::ledger::Ledger;
use crate::memory::Memory;
use crate::scenario::{Planned, Scenario};
use crate::turns::Turns;
use fantail_engine::{Action, AttemptId, Cause, Engine, Event, Instant, Origins, Outcome, Policy, Request, Summary};
use std::collections::{BTreeMap, VecDeque};

pub(crate) struct Batch {
    pub(crate) engine: Engine<Response>,
    planned: VecDeque<Planned>,
    read: u64,
    /// A read that was requested and not answered: how many requests at most.
    reading: Option<usize>,
    closing: bool,
    pub(crate) running: BTreeMap<AttemptId, Running>,
    pub(crate) outcomes: Vec<Outcome<Response>>,
    /// Outcomes emitted and not taken.
    pub(crate) untaken: u32,
    pub(crate) summary: Option<Summary>,
    pub(crate) ledger: Ledger,
    chains: Chains,
    turns: Turns,
    memory: Memory,
    /// Events at origins that have not been checked yet.
    pub(crate) origin_events: Vec<OriginEvent>,
}

/// An event between a batch and an origin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OriginEvent {
    pub(crate) origin: usize,
    pub(crate) kind: Kind,
}

/// See [`OriginEvent`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// An attempt starts, with this many in flight including it; whether it is its request's first.
    Started { attempt: AttemptId, in_flight: u32, first: bool },
    /// An attempt was answered or failed; with its status, if it has one.
    Ended { attempt: AttemptId, status: Option<u16> },
    /// An attempt has ended, and only the engine knows how it counts that.
    Ambiguous { broken: bool },
    /// A request was not sent because of a breaker.
    RejectedByBreaker,
}

/// What the world has to do next.
pub(crate) enum Task {
    Read,
    Answer(AttemptId),
    /// Let its body grow.
    GrowBody(AttemptId),
}

impl Batch {
    pub(crate) fn new(scenario: &Scenario, index: usize) -> Result<Self, Broken> {
        let policy: &Policy = scenario.policy_of(index);
        let engine = Engine::new(policy).map_err(|error| Broken(format!("the policy: {error}")))?;
        let engine = engine.with_seed(scenario.seed).with_copies(|response: &Response| Some(response.clone()));
        let engine = engine.with_sizes(|response: &Response| response.size);
        Ok(Self {
            ledger: Ledger::default(),
            chains: Chains::default(),
            turns: Turns::default(),
            memory: Memory::default(),
            engine,
            planned: scenario.batches.get(index).into_iter().flatten().cloned().collect(),
            read: 0,
            reading: None,
            closing: false,
            running: BTreeMap::new(),
            outcomes: Vec::new(),
            untaken: 0,
            summary: None,
            origin_events: Vec::new(),
        })
    }

    /// Passes an event to the engine, and performs the actions that follow at once.
    pub(crate) fn record(
        &mut self,
        now: Instant,
        event: Event<Response>,
        origins: &mut Origins,
        names: &[String],
    ) -> Result<Vec<Task>, Broken> {
        if self.summary.is_some() {
            return Ok(Vec::new());
        }
        self.ledger.record_event(now, &event, &self.running);
        match &event {
            Event::Head { attempt, status, location: Some(location), .. } => {
                self.chains.head(*attempt, *status, location);
            }
            Event::Ended { attempt, response, .. } => {
                self.chains.ended(*attempt, &self.running);
                self.ended(*attempt, Some(response.status), None);
            }
            Event::Failed { attempt, failed } => self.ended(*attempt, None, Some(failed.cause)),
            Event::Taken(_) => {
                self.untaken = 0;
                self.memory.taken();
            }
            Event::ReaderGone => {
                self.untaken = 0;
                self.memory.left();
            }
            _ => {}
        }
        self.engine.record(now, event, origins);
        self.perform_all(now, names)
    }

    /// Lets the engine decide, performs its actions, and checks what must hold after that.
    pub(crate) fn decide(
        &mut self,
        now: Instant,
        origins: &mut Origins,
        names: &[String],
    ) -> Result<Vec<Task>, Broken> {
        if self.summary.is_some() {
            return Ok(Vec::new());
        }
        self.engine.decide(now, origins);
        let tasks = self.perform_all(now, names)?;
        let (held, settings) = (self.engine.entries(), self.engine.settings());
        self.memory.check(self.engine.held_bytes(), &self.running, settings)?;
        self.ledger.check_step(now, held, &self.running, settings)?;
        self.turns.update(now, &self.running, self.ledger.unread(&self.running), settings);
        Ok(tasks)
    }

    fn perform_all(&mut self, now: Instant, names: &[String]) -> Result<Vec<Task>, Broken> {
        let mut tasks = Vec::new();
        while let Some(action) = self.engine.next_action() {
            Broken::unless(self.summary.is_none(), || "an action after the end".to_owned())?;
            tasks.extend(self.perform(now, action, names)?);
        }
        Ok(tasks)
    }

    /// Records the end of an attempt.
    fn ended(&mut self, attempt: AttemptId, status: Option<u16>, cause: Option<Cause>) {
        let Some(Running { origin, .. }) = self.running.remove(&attempt) else { return };
        // It may have been over a connection that had been closed.
        let unclear = cause == Some(Cause::ConnectionTerminated);
        let kind = if unclear { Kind::Ambiguous { broken: true } } else { Kind::Ended { attempt, status } };
        self.origin_events.push(OriginEvent { origin, kind });
    }

    fn perform(&mut self, now: Instant, action: Action<Response>, names: &[String]) -> Result<Option<Task>, Broken> {
        match action {
            Action::Read(room) => {
                Broken::unless(self.reading.is_none() && !self.closing, || "two reads at once".to_owned())?;
                self.memory.check_read(self.engine.held_bytes(), self.engine.settings())?;
                self.reading = Some(room as usize);
                return Ok(Some(Task::Read));
            }
            Action::CloseInput => {
                Broken::unless(!self.closing, || "closed twice".to_owned())?;
                self.closing = true;
                return Ok(Some(Task::Read));
            }
            Action::Start { attempt, request, url, body } => {
                let base = url.origin().ascii_serialization();
                let origin =
                    names.iter().position(|name| *name == base).ok_or_else(|| Broken(format!("asked {url}")))?;
                let path = url.path().trim_start_matches('/').parse().map_err(|_| Broken(format!("asked {url}")))?;
                let wire_request =
                    WireRequest { method: request.method.clone(), url: url.into(), headers: request.headers.clone() };
                let running = Running { origin, path, body, wire_request, started: now, id: request.id };
                self.start(now, attempt, &request, running)?;
                return Ok(Some(Task::Answer(attempt)));
            }
            Action::Cancel(attempt) => {
                let running = self.running.remove(&attempt);
                let Some(Running { origin, started, .. }) = running else {
                    return Err(Broken("cancelled what does not run".to_owned()));
                };
                if started + self.engine.settings().attempt_timeout <= now {
                    self.origin_events.push(OriginEvent { origin, kind: Kind::Ambiguous { broken: false } });
                }
                self.ledger.cancelled(attempt);
            }
            Action::Grant(attempt) => return Ok(Some(Task::GrowBody(attempt))),
            Action::Emit(outcome) => self.emit(now, *outcome, names)?,
            Action::Finish(summary) => {
                Broken::unless(self.running.is_empty(), || "finished with attempts in flight".to_owned())?;
                self.ledger.check_end(&summary, self.engine.settings())?;
                self.summary = Some(*summary);
            }
        }
        Ok(None)
    }

    /// Records the start of an attempt.
    fn start(&mut self, now: Instant, attempt: AttemptId, request: &Request, started: Running) -> Result<(), Broken> {
        let (settings, unread) = (self.engine.settings(), self.ledger.unread(&self.running));
        self.ledger.started(now, attempt, request, &self.running, settings)?;
        self.turns.started(now, (request.id, started.origin), &self.running, unread, settings)?;
        self.chains.started(request.id, &started.wire_request)?;
        let first = self.ledger.attempts_of(request.id) == 1;
        let origin = started.origin;
        self.running.insert(attempt, started);
        let in_flight = self.running.values().filter(|running| running.origin == origin).count();
        let in_flight = u32::try_from(in_flight).unwrap_or(u32::MAX);
        self.origin_events.push(OriginEvent { origin, kind: Kind::Started { attempt, in_flight, first } });
        self.ledger.peak = self.ledger.peak.max(self.running.len());
        Ok(())
    }

    /// Records an emitted outcome.
    fn emit(&mut self, now: Instant, outcome: Outcome<Response>, names: &[String]) -> Result<(), Broken> {
        let settings = self.engine.settings();
        self.ledger.emitted(now, &outcome, settings)?;
        self.chains.emitted(&outcome, settings)?;
        self.turns.left(outcome.id);
        self.memory.emitted(&outcome);
        let refused = outcome.result.as_ref().is_err_and(|failure| failure.cause == Cause::BreakerOpen);
        let origin = names.iter().position(|name| refused && outcome.url.starts_with(&format!("{name}/")));
        self.origin_events.extend(origin.map(|origin| OriginEvent { origin, kind: Kind::RejectedByBreaker }));
        self.untaken += 1;
        self.outcomes.push(outcome);
        Ok(())
    }

    /// Answers a requested read with up to `max` requests.
    pub(crate) fn read(&mut self, now: Instant, max: usize, names: &[String]) -> Option<Event<Response>> {
        let room = if self.closing { usize::MAX } else { self.reading? };
        self.reading = None;
        // A read under way when the input was closed may have received something after all.
        let count = if self.closing { max.min(1) } else { max.min(room) }.min(self.planned.len());
        let planned: Vec<Planned> = self.planned.drain(..count).collect();
        let requests: Vec<Request> =
            planned.iter().zip(self.read..).map(|(planned, id)| planned.request(id, names)).collect();
        self.read += count as u64;
        let settings = self.engine.settings();
        let valid = || planned.iter().zip(&requests).filter(|(planned, _)| !planned.invalid);
        for (planned, request) in valid() {
            self.turns.read(now, request.id, planned.origin, &request.options, settings);
        }
        self.memory.read(valid().map(|(_, request)| request), self.closing);
        self.ledger.read(now, &requests, settings, self.closing);
        Some(Event::Read { requests, ended: self.closing || self.planned.is_empty() })
    }
}
