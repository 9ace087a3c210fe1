//! A batch as its caller holds it: it goes on inside the caller's calls.

use crate::bindings::exports::fantail::fetch::batch_p2 as wit;
use crate::ends::{End, Ends};
use crate::wasi::Wasi2;
use crate::{convert, reactor};
use fantail_engine::{Engine, Summary};
use fantail_shell::Batch;
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use std::cell::{RefCell, RefMut};
use std::task::{Context, Poll, Waker};
use wasip2::clocks::monotonic_clock;
use wasip2::io::poll::Pollable;

pub(crate) struct Ongoing {
    /// Borrowed for one call at a time.
    state: RefCell<State>,
}

struct State {
    course: Course,
    ends: End,
    /// Requests accepted whose outcome has not been taken.
    open: u32,
    /// How many of those there may be.
    window: u32,
    /// Whether there has been a look at what is ready since outcomes were last asked for.
    looked: bool,
}

enum Course {
    Running(LocalBoxFuture<'static, Summary>),
    Over(Box<Summary>),
}

impl wit::GuestBatch for Ongoing {
    fn start(policy: wit::Policy) -> Result<wit::Batch, wit::PolicyError> {
        let engine = Engine::new(&convert::policy(&policy))?;
        let window = engine.settings().window;
        let ends = End::default();
        let mut batch = Batch::<Wasi2, _, _>::new(engine, ends.clone(), ends.clone());
        let course = Course::Running(async move { batch.run().await }.boxed_local());
        Ok(wit::Batch::new(Self { state: RefCell::new(State { course, ends, open: 0, window, looked: false }) }))
    }

    fn room(&self) -> u32 {
        let mut state = self.state.borrow_mut();
        state.go_on();
        state.room()
    }

    fn push(&self, requests: Vec<wit::Request>) -> u32 {
        let mut state = self.state.borrow_mut();
        let accepted = u32::try_from(requests.len()).unwrap_or(u32::MAX).min(state.room());
        state.open += accepted;
        state.ends().requests.extend(requests.into_iter().take(accepted as usize).map(convert::request));
        state.go_on();
        accepted
    }

    fn finish(&self) {
        let mut state = self.state.borrow_mut();
        state.ends().closed = true;
        state.go_on();
    }

    fn cancel(&self) {
        let mut state = self.state.borrow_mut();
        state.ends().left = true;
        state.go_on();
        // What is left of it will not be taken.
        state.ends().outcomes.clear();
        state.open = 0;
    }

    fn next(&self, max: u32) -> Vec<wit::Outcome> {
        let mut state = self.state.borrow_mut();
        state.ask();
        if state.ends().outcomes.is_empty() && !std::mem::take(&mut state.looked) {
            reactor::look();
            state.go_on();
        }
        let taken: Vec<_> = {
            let mut ends = state.ends();
            let count = ends.outcomes.len().min(max as usize);
            ends.taken += count;
            ends.outcomes.drain(..count).collect()
        };
        // Each is one of those that are open.
        state.open = state.open.saturating_sub(u32::try_from(taken.len()).unwrap_or(u32::MAX));
        taken.into_iter().map(convert::outcome).collect()
    }

    fn wait(&self, also: Option<&Pollable>) {
        let mut state = self.state.borrow_mut();
        state.ask();
        let pointless = |state: &State| state.has_news() || (also.is_none() && state.open == 0);
        while !pointless(&state) && !reactor::wait(also.as_slice()) {
            state.go_on();
        }
        state.looked = true;
    }

    fn go_on(&self, until: &Pollable) {
        let mut state = self.state.borrow_mut();
        state.ask();
        while matches!(state.course, Course::Running(_)) && !reactor::wait(&[until]) {
            state.go_on();
        }
        state.looked = true;
    }

    fn subscribe(&self) -> Vec<Pollable> {
        let mut state = self.state.borrow_mut();
        state.ask();
        if state.has_news() {
            return vec![monotonic_clock::subscribe_instant(0)];
        }
        reactor::give_away()
    }

    fn summary(&self) -> Option<wit::Summary> {
        let mut state = self.state.borrow_mut();
        state.go_on();
        match &state.course {
            Course::Over(summary) if state.open == 0 => Some(convert::summary(Summary::clone(summary))),
            Course::Over(_) | Course::Running(_) => None,
        }
    }
}

impl State {
    fn ends(&self) -> RefMut<'_, Ends> {
        self.ends.0.borrow_mut()
    }

    /// Lets the batch take in what has happened.
    fn go_on(&mut self) {
        if let Course::Running(run) = &mut self.course
            && let Poll::Ready(summary) = run.poll_unpin(&mut Context::from_waker(Waker::noop()))
        {
            self.course = Course::Over(Box::new(summary));
        }
    }

    /// The same, for a caller that wants outcomes.
    fn ask(&mut self) {
        self.ends().asks = true;
        self.go_on();
    }

    fn room(&self) -> u32 {
        match self.course {
            Course::Running(_) if !self.ends().closed => self.window.saturating_sub(self.open),
            Course::Running(_) | Course::Over(_) => 0,
        }
    }

    fn has_news(&self) -> bool {
        !self.ends().outcomes.is_empty() || matches!(self.course, Course::Over(_))
    }
}

impl Drop for State {
    fn drop(&mut self) {
        // What all batches know of origins must not wait for this one.
        self.ends().left = true;
        self.go_on();
    }
}
