//! Random schedules: whatever happens, every request read has exactly one outcome and every limit holds.
//! The driver checks at every step what must always hold.

use crate::driver::Driver;
use fantail_engine::{
    AttemptId, BodyMode, Cause, Event, Hedge, Order, Policy, Priority, Request, RequestOptions, Until,
};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::time::Duration;

/// What the world does next.
#[derive(Clone, Debug)]
enum Step {
    Read { count: usize, ended: bool, valid: bool },
    Head(usize, u16),
    Respond(usize, u16),
    Redirect(usize, u64),
    Fail(usize, Cause),
    Take,
    Pass(u64),
    UnreadEnded,
    Leave,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..9_usize, prop::bool::weighted(0.05), prop::bool::weighted(0.9))
            .prop_map(|(count, ended, valid)| Step::Read { count, ended, valid }),
        3 => (any::<usize>(), 100..600_u16).prop_map(|(which, status)| Step::Head(which, status)),
        8 => (any::<usize>(), 100..600_u16).prop_map(|(which, status)| Step::Respond(which, status)),
        2 => (any::<usize>(), 0..8_u64).prop_map(|(which, to)| Step::Redirect(which, to)),
        2 => (any::<usize>(), cause()).prop_map(|(which, cause)| Step::Fail(which, cause)),
        6 => Just(Step::Take),
        3 => (0..40_u64).prop_map(Step::Pass),
        2 => Just(Step::UnreadEnded),
        1 => prop::bool::weighted(0.05).prop_map(|leave| if leave { Step::Leave } else { Step::Take }),
    ]
}

fn cause() -> impl Strategy<Value = Cause> {
    prop_oneof![Just(Cause::ConnectionTerminated), Just(Cause::ConnectionRefused), Just(Cause::TlsCertificateError)]
}

fn policy() -> impl Strategy<Value = Policy> {
    let body = prop_oneof![Just(BodyMode::Bytes), Just(BodyMode::Discard), Just(BodyMode::Unread)];
    let until =
        prop_oneof![8 => Just(Until::All), 1 => Just(Until::FirstFailure), 1 => (1..9_u32).prop_map(Until::Successes)];
    let order = prop_oneof![Just(Order::Completion), Just(Order::Input)];
    let deadline = prop::option::weighted(0.2, (0..400_u64).prop_map(Duration::from_millis));
    let retries = (0..4_u32, 1..30_u64, 0..200_u32, 0..3_u32, 1..6_u32);
    (1..6_u32, 1..20_u32, 1..6_u32, body, until, order, deadline, 1..60_u64, 0..90_u64, retries).prop_map(
        |(concurrency, window, max_unread, body, until, order, deadline, attempt, total, retries)| Policy {
            concurrency: Some(concurrency),
            window: Some(window),
            max_unread: Some(max_unread),
            body: Some(body),
            until: Some(until),
            order: Some(order),
            deadline,
            attempt_timeout: Some(Duration::from_millis(attempt)),
            timeout: Some(Duration::from_millis(total)),
            retries: Some(retries.0),
            backoff: Some(Duration::from_millis(retries.1)),
            retry_percent: Some(retries.2),
            retry_per_second: Some(retries.3),
            per_origin: Some(retries.4),
            redirects: Some(retries.0),
            breaker_percent: Some(retries.2 / 2),
            rate: Some(20 + retries.2).filter(|_| retries.0 == 1),
            burst: Some(retries.4),
            hedge: [None, Some(Hedge::Auto), Some(Hedge::After(Duration::from_millis(retries.1)))]
                [retries.4 as usize % 3],
            per_origin_floor: (1..=retries.4).nth(retries.0 as usize),
            coalesce: Some(retries.1 % 2 == 0),
            breaker_minimum: Some(retries.4),
            breaker_open: Some(Duration::from_millis(retries.1)),
            ..Policy::default()
        },
    )
}

/// A driver, and a ledger of requests and outcomes.
struct World {
    driver: Driver,
    read: u64,
    done: BTreeSet<u64>,
    last: Option<u64>,
    left: bool,
    closed: bool,
    unread_open: Vec<AttemptId>,
}

impl World {
    fn new(policy: &Policy) -> Self {
        Self {
            driver: Driver::started(policy),
            read: 0,
            done: BTreeSet::new(),
            last: None,
            left: false,
            closed: false,
            unread_open: Vec::new(),
        }
    }

    fn step(&mut self, step: &Step) {
        if self.driver.summary.is_some() {
            return;
        }
        let pick =
            |which: usize, driver: &Driver| driver.running.values().nth(which % driver.running.len().max(1)).cloned();
        match step {
            Step::Read { count, ended, valid } => self.read(*count, *ended, *valid),
            Step::Head(which, status) => {
                if let Some(path) = pick(*which, &self.driver) {
                    self.driver.head(&path, *status);
                }
            }
            Step::Respond(which, status) => {
                if let Some(path) = pick(*which, &self.driver) {
                    let settings = self.driver.engine.settings();
                    let unread = settings.body == BodyMode::Unread;
                    // If a response is not handed out, its body ends at once, and a shell would report that.
                    let handed_out = settings.retries == 0 && settings.hedge.is_none();
                    let status = if unread && !handed_out { 200 } else { *status };
                    if unread {
                        self.unread_open.push(self.driver.attempt(&path));
                    }
                    self.driver.respond(&path, status);
                }
            }
            Step::Redirect(which, to) => {
                let unread = self.driver.engine.settings().body == BodyMode::Unread;
                if let Some(path) = pick(*which, &self.driver).filter(|_| !unread) {
                    // To another origin, with the same path, by which the driver finds the attempt.
                    self.driver.redirect(&path, 307, &format!("http://origin-{to}.test{path}"));
                }
            }
            Step::Fail(which, cause) => {
                if let Some(path) = pick(*which, &self.driver) {
                    self.driver.fail(&path, *cause);
                }
            }
            Step::Take => self.take(),
            Step::Pass(millis) => self.driver.pass(Duration::from_millis(*millis)),
            Step::UnreadEnded => self.unread_ended(),
            Step::Leave => {
                self.driver.outcomes.clear();
                self.driver.handle(Event::ReaderGone);
                self.left = true;
                self.done = (0..self.read).collect();
            }
        }
        let settings = *self.driver.engine.settings();
        let closed = self.closed || self.driver.closing;
        assert!(closed || self.read - self.done.len() as u64 <= u64::from(settings.window), "window");
        if settings.body == BodyMode::Unread {
            assert!(self.driver.running.len() + self.unread_open.len() <= settings.max_unread as usize, "max-unread");
        }
    }

    fn read(&mut self, count: usize, ended: bool, valid: bool) {
        let Some(room) = self.driver.reading else {
            if self.driver.closing && self.driver.summary.is_none() {
                self.close(count);
            }
            return;
        };
        let requests = self.requests(count.min(room as usize), valid);
        self.driver.read_requests(requests, ended);
    }

    /// Answers `CloseInput` with what a pending read may have received.
    fn close(&mut self, count: usize) {
        self.driver.closing = false;
        self.closed = true;
        self.driver.reading = Some(u32::MAX);
        let requests = self.requests(count, true);
        self.driver.read_requests(requests, true);
    }

    fn requests(&mut self, count: usize, valid: bool) -> Vec<Request> {
        let first = self.read;
        self.read += count as u64;
        if self.left {
            // There is no reader for the outcomes; the summary counts them all the same.
            self.done.extend(first..self.read);
        }
        let url = |id| if valid { format!("http://origin-{}.test/{id}", id % 4) } else { "invalid".to_owned() };
        let priority = |id| [None, Some(Priority::High), Some(Priority::Low)][(id % 7 % 3) as usize];
        let options = |id| RequestOptions { priority: priority(id), ..RequestOptions::default() };
        let method = |id| if id % 3 == 0 { "POST" } else { "GET" }.to_owned();
        (first..self.read)
            .map(|id| Request { method: method(id), options: options(id), ..Request::get(id, url(id)) })
            .collect()
    }

    fn take(&mut self) {
        for outcome in self.driver.take() {
            assert!(outcome.id < self.read, "an outcome for a request that was read");
            assert!(self.done.insert(outcome.id), "one outcome for request {}", outcome.id);
            let settings = self.driver.engine.settings();
            assert!(outcome.attempts <= 3 + settings.retries + settings.redirects);
            assert!(outcome.hops.len() <= settings.redirects as usize);
            if self.driver.engine.settings().order == Order::Input {
                assert!(self.last < Some(outcome.id), "in the order of the input");
                self.last = Some(outcome.id);
            }
        }
    }

    fn unread_ended(&mut self) {
        if let Some(attempt) = self.unread_open.pop() {
            self.driver.handle(Event::UnreadEnded { attempt });
        }
    }

    /// Ends the input and lets everything finish: the batch must end.
    fn run_to_end(mut self) {
        for _ in 0..10_000 {
            if self.driver.summary.is_some() {
                break;
            }
            self.read(0, true, true);
            self.unread_ended();
            self.driver.pass(Duration::from_millis(10));
            self.take();
        }
        let summary = self.driver.summary.as_ref().expect("the batch ends");
        assert_eq!(self.done.len() as u64, self.read, "every request read has its outcome");
        assert_eq!(summary.requests, self.read);
        assert_eq!(summary.responses + summary.failures, summary.requests);
        assert_eq!(summary.by_cause.values().sum::<u64>(), summary.failures);
        assert!(summary.peak_in_flight as usize >= self.driver.peak);
        assert!(self.driver.running.is_empty());
        assert_eq!(self.driver.engine.next_timer(), None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn s6_every_schedule_ends_with_one_outcome_per_request(
        policy in policy(),
        steps in prop::collection::vec(step(), 0..200),
    ) {
        let mut world = World::new(&policy);
        for step in &steps {
            world.step(step);
        }
        world.run_to_end();
    }
}
