//! A batch as its caller holds it. It runs in the task of the call that started it.

use crate::bindings::exports::fantail::fetch::batch as wit;
use crate::incoming::Incoming;
use crate::wasi::Wasi3;
use crate::{convert, yield_before_return};
use fantail_conversions::Convert;
use fantail_engine::Engine;
use fantail_shell::Caller;
use std::future::poll_fn;
use wit_bindgen::rt::async_support::spawn_local;

pub(crate) struct Batch(Caller<Incoming>);

impl wit::GuestBatch for Batch {
    async fn start(policy: Option<wit::Policy>) -> Result<wit::Batch, wit::PolicyError> {
        let engine = match Engine::new(&convert::policy(policy)) {
            Ok(engine) => engine,
            Err(error) => {
                yield_before_return().await;
                return Err(error.into());
            }
        };
        let (mut batch, caller) = fantail_shell::Batch::<Wasi3>::new(engine);
        spawn_local(async move {
            batch.run().await;
            batch.unread_bodies().await;
        });
        Ok(wit::Batch::new(Self(caller)))
    }

    fn push(&self, requests: Vec<wit::Request>) -> Result<(), ()> {
        self.0.push(requests.into_iter().map(convert::request)).map_err(|_closed| ())
    }

    fn push_urls(&self, urls: Vec<String>) -> Result<(), ()> {
        self.0.push_urls(urls).map_err(|_closed| ())
    }

    async fn room(&self) -> u32 {
        if self.0.room() > 0 || self.0.is_closed() {
            yield_before_return().await;
        }
        poll_fn(|cx| self.0.poll_room(cx)).await
    }

    fn keep_open(&self) {
        self.0.keep_open();
    }

    fn finish(&self) {
        self.0.finish();
    }

    async fn next(&self, max: u32) -> Option<Vec<wit::Outcome>> {
        let max = max.max(1);
        if self.0.is_ready() {
            // Before anything is taken, so that a caller that cancels the call now loses nothing.
            yield_before_return().await;
        }
        poll_fn(|cx| self.0.poll_take(max, cx)).await.map(convert::outcomes)
    }

    fn stop(&self) {
        self.0.stop();
    }

    fn cancel(&self) {
        self.0.cancel();
    }

    fn summary(&self) -> Option<wit::Summary> {
        self.0.summary().map(Convert::convert)
    }
}
