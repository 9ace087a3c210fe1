//! A batch as its caller holds it. It runs inside the caller's `next`.

use crate::bindings::exports::fantail::fetch_p2::batch as wit;
use crate::bindings::wasi::io::poll::Pollable;
use crate::incoming::Incoming;
use crate::wasi::Wasi2;
use crate::{convert, reactor};
use fantail_conversions::Convert;
use fantail_engine::Engine;
use fantail_shell::Caller;
use futures::FutureExt;
use futures::future::{FusedFuture, LocalBoxFuture};
use std::cell::RefCell;
use std::task::{Context, Waker};

pub(crate) struct Batch {
    caller: Caller<Incoming>,
    /// The running batch. Borrowed for one call at a time.
    running: RefCell<futures::future::Fuse<LocalBoxFuture<'static, ()>>>,
}

impl wit::GuestBatch for Batch {
    fn start(policy: Option<wit::Policy>) -> Result<wit::Batch, wit::PolicyError> {
        let (mut batch, caller) = fantail_shell::Batch::<Wasi2>::new(Engine::new(&convert::policy(policy))?);
        let running = async move { batch.run().await }.boxed_local().fuse();
        Ok(wit::Batch::new(Self { caller, running: RefCell::new(running) }))
    }

    fn push(&self, requests: Vec<wit::Request>) -> Result<(), ()> {
        self.caller.push(requests.into_iter().map(convert::request)).map_err(|_closed| ())
    }

    fn push_urls(&self, urls: Vec<String>) -> Result<(), ()> {
        self.caller.push_urls(urls).map_err(|_closed| ())
    }

    fn room(&self) -> u32 {
        self.caller.room()
    }

    fn finish(&self) {
        self.caller.finish();
    }

    fn next(&self, max: u32) -> Option<Vec<wit::Outcome>> {
        self.wait(max.max(1), None)
    }

    fn next_or(&self, max: u32, also: &Pollable) -> Option<Vec<wit::Outcome>> {
        self.wait(max, Some(also))
    }

    fn stop(&self) {
        self.caller.stop();
        self.poll_batch();
    }

    fn cancel(&self) {
        self.caller.cancel();
        self.poll_batch();
    }

    fn summary(&self) -> Option<wit::Summary> {
        self.caller.summary().map(Convert::convert)
    }
}

impl Batch {
    /// Runs the batch until there are outcomes, it ends, or `also` is ready. Without `also` nobody can push while this
    /// waits.
    fn wait(&self, max: u32, also: Option<&Pollable>) -> Option<Vec<wit::Outcome>> {
        self.caller.demand();
        loop {
            self.poll_batch();
            let taken = self.caller.take(max)?;
            if !taken.is_empty() {
                return Some(convert::outcomes(taken));
            }
            if also.is_none() && self.caller.is_idle() {
                self.caller.finish();
            } else if reactor::wait(also.as_slice()) {
                self.poll_batch();
                return self.caller.take(max).map(convert::outcomes);
            }
        }
    }

    /// Lets the batch handle what has happened.
    fn poll_batch(&self) {
        let mut running = self.running.borrow_mut();
        if !running.is_terminated() {
            let _ = running.poll_unpin(&mut Context::from_waker(Waker::noop()));
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        // Releases at once what the batch holds of the origins that all batches share.
        wit::GuestBatch::cancel(self);
    }
}
