//! A shell for tests: it records the engine's actions and checks, at every step, what must always hold.

use fantail_engine::{
    Action, AttemptId, Cause, Engine, Event, Failed, Instant, Origins, Outcome, Policy, Request, Sent, Summary,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// The response of a test is the path of its request.
pub(crate) type Response = String;

/// Drives one engine.
pub(crate) struct Driver {
    pub(crate) engine: Engine<Response>,
    pub(crate) origins: Origins,
    pub(crate) now: Instant,
    /// A requested read that is not answered.
    pub(crate) reading: Option<u32>,
    pub(crate) closing: bool,
    /// Attempts in flight, oldest first.
    pub(crate) running: BTreeMap<AttemptId, String>,
    /// The origin of every attempt that was started.
    origin_by_attempt: BTreeMap<AttemptId, String>,
    pub(crate) cancelled: Vec<String>,
    /// Attempts that were granted what they wanted.
    pub(crate) granted: Vec<AttemptId>,
    /// Requests as they were sent.
    pub(crate) sent: Vec<(String, Request)>,
    pub(crate) outcomes: VecDeque<Outcome<Response>>,
    pub(crate) summary: Option<Summary>,
    pub(crate) peak: usize,
    ever_started: BTreeSet<AttemptId>,
    /// Paths requested by POST; those that may have reached the peer must not be requested again.
    post_paths: BTreeSet<String>,
    must_not_resend: BTreeSet<String>,
}

impl Driver {
    pub(crate) fn new(policy: &Policy) -> Self {
        Self {
            engine: Engine::<Response>::new(policy)
                .unwrap()
                .with_copies(|response: &Response| Some(response.clone()))
                .with_sizes(|response: &Response| response.len() as u64),
            origins: Origins::default(),
            now: Instant::from_nanos(1_000_000_000),
            reading: None,
            closing: false,
            running: BTreeMap::new(),
            origin_by_attempt: BTreeMap::new(),
            cancelled: Vec::new(),
            granted: Vec::new(),
            sent: Vec::new(),
            outcomes: VecDeque::new(),
            summary: None,
            peak: 0,
            ever_started: BTreeSet::new(),
            post_paths: BTreeSet::new(),
            must_not_resend: BTreeSet::new(),
        }
    }

    /// A driver whose batch has started.
    pub(crate) fn started(policy: &Policy) -> Self {
        let mut driver = Self::new(policy);
        driver.handle(Event::Demand);
        driver
    }

    pub(crate) fn handle(&mut self, event: Event<Response>) {
        assert!(
            self.summary.is_none() || matches!(event, Event::UnreadEnded { .. } | Event::Timer),
            "an event after the end"
        );
        self.engine.handle(self.now, event, &mut self.origins);
        while let Some(action) = self.engine.next_action() {
            assert!(self.summary.is_none(), "no action after the end");
            self.perform(action);
        }
        let concurrency = self.engine.settings().concurrency as usize;
        self.peak = self.peak.max(self.running.len());
        let mut by_origin: BTreeMap<&str, u32> = BTreeMap::new();
        for attempt in self.running.keys() {
            *by_origin.entry(&self.origin_by_attempt[attempt]).or_default() += 1;
        }
        let per_origin = self.engine.settings().per_origin;
        assert!(by_origin.values().all(|count| *count <= per_origin), "{by_origin:?}, {per_origin} allowed each");
        assert!(self.running.len() <= concurrency, "{} in flight, {concurrency} allowed", self.running.len());
    }

    fn perform(&mut self, action: Action<Response>) {
        match action {
            Action::Read(count) => {
                assert!(count > 0 && self.reading.is_none() && !self.closing, "one read at a time");
                self.reading = Some(count);
            }
            Action::CloseInput => {
                assert!(!self.closing, "closed once");
                self.closing = true;
                self.reading = None;
            }
            Action::Start { attempt, url, request, .. } => {
                assert!(self.ever_started.insert(attempt), "attempt ids are unique");
                assert!(!self.must_not_resend.contains(url.path()), "what is not safe to repeat is not repeated");
                if request.method == "POST" {
                    self.post_paths.insert(url.path().to_owned());
                }
                self.origin_by_attempt.insert(attempt, url.origin().ascii_serialization());
                self.sent.push((url.to_string(), Request::clone(&request)));
                self.running.insert(attempt, url.path().to_owned());
            }
            Action::Cancel(attempt) => {
                let path = self.running.remove(&attempt).expect("only a running attempt is cancelled");
                self.mark_sent(&path);
                self.cancelled.push(path);
            }
            Action::Grant(attempt) => {
                assert!(self.running.contains_key(&attempt), "only a running attempt is granted anything");
                self.granted.push(attempt);
            }
            Action::Emit(outcome) => self.outcomes.push_back(*outcome),
            Action::Finish(summary) => self.summary = Some(*summary),
        }
    }

    /// Records that a request may have reached the peer.
    fn mark_sent(&mut self, path: &str) {
        if self.post_paths.contains(path) {
            self.must_not_resend.insert(path.to_owned());
        }
    }

    /// Answers a read with GET requests for these paths.
    pub(crate) fn read(&mut self, paths: &[&str], ended: bool) {
        let first = 1_000;
        let requests = paths.iter().enumerate();
        let requests = requests.map(|(id, path)| Request::get(first + id as u64, format!("http://origin.test{path}")));
        self.read_requests(requests.collect(), ended);
    }

    pub(crate) fn read_requests(&mut self, requests: Vec<Request>, ended: bool) {
        let requested = self.reading.take();
        let allowed = if self.closing { usize::MAX } else { requested.expect("a read was requested") as usize };
        assert!(requests.len() <= allowed);
        self.handle(Event::Read { requests, ended: ended || self.closing });
    }

    /// The running attempt for this path.
    pub(crate) fn attempt(&self, path: &str) -> AttemptId {
        *self.running.iter().find(|(_, running)| *running == path).expect("the attempt is running").0
    }

    pub(crate) fn head(&mut self, path: &str, status: u16) {
        self.head_with_retry_after(path, status, None);
    }

    /// A head with a `retry-after`.
    pub(crate) fn head_with_retry_after(&mut self, path: &str, status: u16, retry_after: Option<Duration>) {
        let attempt = self.attempt(path);
        self.handle(Event::Head { attempt, status, retry_after, location: None, facts: None });
    }

    /// Head and body with a status.
    pub(crate) fn respond(&mut self, path: &str, status: u16) {
        self.head(path, status);
        self.respond_after_head(path);
    }

    /// A redirect, body included.
    pub(crate) fn redirect(&mut self, path: &str, status: u16, location: &str) {
        let (attempt, location) = (self.attempt(path), Some(location.to_owned()));
        self.handle(Event::Head { attempt, status, retry_after: None, location, facts: None });
        self.running.remove(&attempt);
        // The next request is another one, which has reached no peer yet.
        self.handle(Event::Ended { attempt, response: path.to_owned(), body_bytes: 10 });
    }

    pub(crate) fn respond_after_head(&mut self, path: &str) {
        let attempt = self.attempt(path);
        self.running.remove(&attempt);
        self.mark_sent(path);
        self.handle(Event::Ended { attempt, response: path.to_owned(), body_bytes: 10 });
    }

    pub(crate) fn fail(&mut self, path: &str, cause: Cause) {
        let attempt = self.attempt(path);
        self.running.remove(&attempt);
        if cause.sent() != Sent::No {
            self.mark_sent(path);
        }
        self.handle(Event::Failed { attempt, failed: Failed::new(cause, None) });
    }

    /// Takes everything that has been emitted.
    pub(crate) fn take(&mut self) -> Vec<Outcome<Response>> {
        let taken: Vec<_> = self.outcomes.drain(..).collect();
        if !taken.is_empty() {
            self.handle(Event::Taken(taken.len() as u32));
        }
        taken
    }

    /// Lets time pass, and fires the timer when it is due.
    pub(crate) fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(timer) = self.engine.next_timer().filter(|timer| *timer <= end) {
            self.now = self.now.max(timer);
            self.handle(Event::Timer);
        }
        self.now = end;
    }
}

/// Ids and causes, for comparing.
pub(crate) fn causes(outcomes: &[Outcome<Response>]) -> Vec<Option<Cause>> {
    outcomes.iter().map(|outcome| outcome.result.as_ref().err().map(|failure| failure.cause)).collect()
}
