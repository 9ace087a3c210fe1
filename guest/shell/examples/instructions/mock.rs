//! A network that answers every request at once, on a clock that each reading advances by a microsecond.

use fantail_engine::{Facts, Failed, Instant, Request, Settings};
use fantail_shell::{Answered, Ask, Head, Incoming, More, Upload, Url, Wasi};
use futures::FutureExt;
use futures::future::{LocalBoxFuture, ready};
use std::cell::Cell;
use std::sync::Arc;
use std::task::Poll;

/// Every body.
const BODY: &[u8] = b"hello world";

thread_local! {
    static NANOS: Cell<u64> = const { Cell::new(0) };
}

pub(crate) struct Mock;

/// The part of a body that has not been read.
pub(crate) struct Body(&'static [u8]);

impl Wasi for Mock {
    type Incoming = Body;

    fn new(_: &Settings) -> Self {
        Self
    }

    fn now() -> Instant {
        NANOS.set(NANOS.get() + 1_000);
        Instant::from_nanos(NANOS.get())
    }

    /// Never: no request takes that long.
    fn wait_until(_: Instant) -> LocalBoxFuture<'static, ()> {
        std::future::pending().boxed_local()
    }

    fn start(
        &self,
        _: &Arc<Request>,
        _: &Url,
        _: Ask,
    ) -> Result<(impl Future<Output = Answered<Body>>, Upload), Failed> {
        let mut asked = false;
        let answered = std::future::poll_fn(move |cx| {
            // Not before all that can start has started.
            if !std::mem::replace(&mut asked, true) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
            let headers = vec![
                header("content-length", "11"),
                header("content-type", "text/plain"),
                header(fantail_facts::FACTS, &fantail_facts::write(&Facts::default())),
            ];
            Poll::Ready(Ok(Head { status: 200, headers, incoming: Body(BODY) }))
        });
        Ok((answered, ready(()).boxed_local()))
    }
}

impl Incoming for Body {
    type Unread = ();

    async fn read(&mut self, mut into: Vec<u8>) -> (Vec<u8>, More) {
        let (now, later) = self.0.split_at(self.0.len().min((into.capacity() - into.len()).max(1)));
        self.0 = later;
        into.extend_from_slice(now);
        (into, if now.is_empty() { More::No } else { More::Yes })
    }

    async fn release(self) {}

    async fn finish(self) -> Result<(), Failed> {
        Ok(())
    }

    fn hand_out(self, _: u16, _: bool) -> ((), LocalBoxFuture<'static, ()>) {
        ((), ready(()).boxed_local())
    }
}
