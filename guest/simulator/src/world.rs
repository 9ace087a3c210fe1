//! Everything around the engines: time, origins, inputs and readers.

use crate::attempt::Response;
use crate::batch::{Batch, Task};
use crate::broken::Broken;
use crate::origin::{Answer, Does};
use crate::scenario::Scenario;
use crate::watch::Watch;
use fantail_engine::{
    AttemptId, BodyMode, Cause, Event, FIRST_GRANT, Failed, Instant, Origins, Outcome, Request, Summary,
};
use fastrand::Rng;
use std::collections::BTreeMap;
use std::time::Duration;

/// The result of one batch.
#[derive(Debug)]
pub struct Finished {
    /// Emitted outcomes, in order.
    pub outcomes: Vec<Outcome<Response>>,
    /// The engine's summary.
    pub summary: Summary,
}

/// Plays a scenario. Every event is passed to `trace` as it happens.
pub fn simulate(scenario: &Scenario, trace: &mut dyn FnMut(String)) -> Result<Vec<Finished>, Broken> {
    let mut world = World::new(scenario, trace)?;
    while let Some((now, scheduled)) = world.next() {
        world.now = now;
        world.process(scheduled)?;
    }
    world.watch.check_end()?;
    let finished = world.batches.into_iter().map(|batch| {
        let summary = batch.summary.ok_or_else(|| Broken("nothing more happens, and there is no end".to_owned()))?;
        Ok(Finished { outcomes: batch.outcomes, summary })
    });
    finished.collect()
}

struct World<'a> {
    scenario: &'a Scenario,
    rng: Rng,
    now: Instant,
    /// By time, and at the same time in the order they were scheduled.
    schedule: BTreeMap<(Instant, u64), Scheduled>,
    scheduled: u64,
    names: Vec<String>,
    origins: Origins,
    batches: Vec<Batch>,
    /// How often each path of each origin was requested.
    visits: BTreeMap<(usize, u32), u32>,
    watch: Watch,
    /// Responses whose bodies wait for a grant, and how long after it they end.
    growing: BTreeMap<(usize, AttemptId), (Event<Response>, Duration)>,
    trace: &'a mut dyn FnMut(String),
}

/// An event for one batch.
struct Scheduled {
    batch: usize,
    kind: Kind,
}

enum Kind {
    /// Dropped if the attempt has been cancelled.
    Attempt(AttemptId, Event<Response>),
    Read,
    Take,
    Handle(Event<Response>),
}

/// Steps after which a run counts as endless.
const MAX_STEPS: u64 = 1_000_000;

impl<'a> World<'a> {
    fn new(scenario: &'a Scenario, trace: &'a mut dyn FnMut(String)) -> Result<Self, Broken> {
        let batches: Result<Vec<Batch>, Broken> =
            (0..scenario.batches.len()).map(|index| Batch::new(scenario, index)).collect();
        let mut world = Self {
            scenario,
            rng: Rng::with_seed(!scenario.seed),
            now: Instant::from_nanos(1_000_000_000),
            schedule: BTreeMap::new(),
            scheduled: 0,
            names: (0..scenario.origins()).map(|index| format!("http://origin-{index}.test")).collect(),
            origins: Origins::with_capacity(scenario.capacity),
            batches: batches?,
            visits: BTreeMap::new(),
            watch: Watch::new(scenario)?,
            growing: BTreeMap::new(),
            trace,
        };
        for batch in 0..world.batches.len() {
            let start = world.random_span(Duration::from_millis(20));
            world.schedule(start, batch, Kind::Handle(Event::Demand));
            world.schedule(start, batch, Kind::Take);
            if let Some(leaves) = scenario.leaves {
                world.schedule(start + leaves, batch, Kind::Handle(Event::ReaderGone));
            }
            if let Some(stops) = scenario.stops {
                world.schedule(start + stops, batch, Kind::Handle(Event::Stop));
            }
        }
        Ok(world)
    }

    /// A random span up to this one.
    fn random_span(&mut self, max: Duration) -> Duration {
        Duration::from_nanos(self.rng.u64(0..=u64::try_from(max.as_nanos()).unwrap_or(u64::MAX)))
    }

    fn schedule(&mut self, span: Duration, batch: usize, kind: Kind) {
        self.scheduled += 1;
        self.schedule.insert((self.seen_at(self.now + span), self.scheduled), Scheduled { batch, kind });
    }

    /// When what happens then is seen.
    fn seen_at(&self, at: Instant) -> Instant {
        let tick = u64::try_from(self.scenario.tick.as_nanos()).unwrap_or(u64::MAX);
        if tick == 0 { at } else { Instant::from_nanos(at.as_nanos().next_multiple_of(tick)) }
    }

    /// The next event: a scheduled one, or the timer of an engine.
    fn next(&mut self) -> Option<(Instant, Scheduled)> {
        if self.batches.iter().all(|batch| batch.summary.is_some()) {
            return None;
        }
        let timers = self.batches.iter_mut().enumerate().filter(|(_, batch)| batch.summary.is_none());
        let timer = timers.filter_map(|(index, batch)| Some((batch.engine.next_timer()?, index))).min();
        let late = self.random_span(self.scenario.lateness);
        let timer = timer.map(|(at, index)| ((at + late).max(self.now), index));
        match self.schedule.first_key_value() {
            Some((&(at, _), _)) if timer.is_none_or(|(timer, _)| at <= timer) => {
                self.schedule.pop_first().map(|((at, _), scheduled)| (at, scheduled))
            }
            Some(_) | None => timer.map(|(at, batch)| (at, Scheduled { batch, kind: Kind::Handle(Event::Timer) })),
        }
    }

    fn process(&mut self, Scheduled { batch: index, kind }: Scheduled) -> Result<(), Broken> {
        Broken::unless(self.scheduled < MAX_STEPS, || "it does not end".to_owned())?;
        if let Some(event) = self.event(index, kind) {
            self.record(index, event)?;
        }
        let more =
            self.schedule.first_key_value().is_some_and(|((at, _), next)| *at == self.now && next.batch == index);
        if more && self.scenario.tick > Duration::ZERO { Ok(()) } else { self.decide(index) }
    }

    /// What a scheduled event is by now, if anything.
    fn event(&mut self, index: usize, kind: Kind) -> Option<Event<Response>> {
        let batch = self.batches.get_mut(index)?;
        match kind {
            Kind::Attempt(attempt, event) => batch.running.contains_key(&attempt).then_some(event),
            Kind::Read => {
                let count = self.rng.usize(0..=8);
                batch.read(self.now, count, &self.names)
            }
            Kind::Take => {
                let (wait, count) = (self.scenario.reader, batch.untaken);
                if batch.summary.is_none() {
                    let wait = self.random_span(wait) + Duration::from_micros(1);
                    self.schedule(wait, index, Kind::Take);
                }
                (count > 0).then_some(Event::Taken(count))
            }
            Kind::Handle(event) => Some(event),
        }
    }

    fn record(&mut self, index: usize, event: Event<Response>) -> Result<(), Broken> {
        (self.trace)(format!("{:>12} {index} {}", self.now.as_nanos() / 1_000, described(&event)));
        let Some(batch) = self.batches.get_mut(index) else { return Ok(()) };
        let tasks = batch.record(self.now, event, &mut self.origins, &self.names)?;
        self.follow(index, tasks)
    }

    fn decide(&mut self, index: usize) -> Result<(), Broken> {
        let Some(batch) = self.batches.get_mut(index) else { return Ok(()) };
        let tasks = batch.decide(self.now, &mut self.origins, &self.names)?;
        self.follow(index, tasks)
    }

    /// Does what follows from what a batch did.
    fn follow(&mut self, index: usize, tasks: Vec<Task>) -> Result<(), Broken> {
        let Some(batch) = self.batches.get_mut(index) else { return Ok(()) };
        for event in batch.origin_events.drain(..) {
            self.watch.observe(self.now, index, event)?;
        }
        for task in tasks {
            match task {
                Task::Read => {
                    let span = self.random_span(self.scenario.input);
                    self.schedule(span, index, Kind::Read);
                }
                Task::Answer(attempt) => self.answer(index, attempt)?,
                Task::GrowBody(attempt) => {
                    if let Some((ended, after)) = self.growing.remove(&(index, attempt)) {
                        self.schedule(after, index, Kind::Attempt(attempt, ended));
                    }
                }
            }
        }
        Ok(())
    }

    /// Schedules what an origin does to an attempt.
    fn answer(&mut self, index: usize, attempt: AttemptId) -> Result<(), Broken> {
        let Some(running) = self.batches.get(index).and_then(|batch| batch.running.get(&attempt)).cloned() else {
            return Ok(());
        };
        let visit = self.visits.entry((running.origin, running.path)).or_default();
        let answer = self.scenario.answer(running.origin, running.path, *visit);
        (self.trace)(format!(
            "{:>12} {index} {attempt:?} to {}/{}, visit {visit}: {answer:?}",
            "", running.origin, running.path
        ));
        *visit += 1;
        let Answer { after, does } = answer;
        let head = |status, retry_after: Option<u64>, location| Event::Head {
            attempt,
            status,
            retry_after: retry_after.map(Duration::from_secs),
            location,
            facts: None,
        };
        let wire_request = running.wire_request.clone();
        let size = self.scenario.size(running.path, running.body);
        let failed = |cause| Event::Failed { attempt, failed: Failed::new(cause, None) };
        match does {
            Does::Respond { status, retry_after, body } => {
                self.schedule(after, index, Kind::Attempt(attempt, head(status, retry_after, None)));
                self.end(index, attempt, (after, body), running.body, Response { status, wire_request, size });
            }
            Does::Redirect { status, origin, path } => {
                let location = self.names.get(origin).map(|name| format!("{name}/{path}"));
                self.schedule(after, index, Kind::Attempt(attempt, head(status, None, location)));
                self.end(
                    index,
                    attempt,
                    (after, Duration::ZERO),
                    running.body,
                    Response { status, wire_request, size },
                );
            }
            Does::BreakBody => {
                self.schedule(after, index, Kind::Attempt(attempt, head(200, None, None)));
                self.schedule(after, index, Kind::Attempt(attempt, failed(Cause::HttpResponseIncomplete)));
            }
            Does::Break => self.schedule(after, index, Kind::Attempt(attempt, failed(Cause::ConnectionTerminated))),
            Does::Refuse => self.schedule(after, index, Kind::Attempt(attempt, failed(Cause::ConnectionRefused))),
            Does::Hang => {}
        }
        Ok(())
    }

    /// Schedules the end of a response; at its head, if its body is handed out.
    fn end(
        &mut self,
        index: usize,
        attempt: AttemptId,
        (after, body): (Duration, Duration),
        mode: BodyMode,
        response: Response,
    ) {
        let unread = mode == BodyMode::Unread;
        let size = response.size;
        let ended = Event::Ended { attempt, response, body_bytes: if unread { 0 } else { 10 } };
        let until = if unread { after } else { after + body };
        if size > FIRST_GRANT {
            self.schedule(after, index, Kind::Attempt(attempt, Event::Wants { attempt, bytes: size }));
            self.growing.insert((index, attempt), (ended, until - after));
        } else {
            self.schedule(until, index, Kind::Attempt(attempt, ended));
        }
        if unread {
            let held = self.random_span(Duration::from_millis(30)) + Duration::from_nanos(1);
            self.schedule(until + held, index, Kind::Handle(Event::UnreadEnded { attempt }));
        }
    }
}

/// An event on one line, without the bytes of bodies.
fn described(event: &Event<Response>) -> String {
    let Event::Read { requests, ended } = event else { return format!("{event:?}") };
    let described = requests.iter().map(|Request { id, method, url, headers, body, options }| {
        let bytes = body.as_ref().map_or(0, Vec::len);
        format!("{id}: {method} {url}, {bytes} bytes, {headers:?}, {options:?}")
    });
    format!("Read {{ requests: {:?}, ended: {ended} }}", described.collect::<Vec<_>>())
}
