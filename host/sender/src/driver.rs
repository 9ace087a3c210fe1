//! The tasks of a connection: they run hyper, and tell an observer what happens.

use crate::activity::ActivityStream;
use crate::observer::Observer;
use crate::origin::Origin;
use crate::outgoing::RequestBody;
use futures::task::AtomicWaker;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::TokioIo;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;

/// What hyper takes the number of streams for until the peer has said it: one that no peer says.
pub(crate) const STREAMS_UNKNOWN: usize = usize::MAX - 1;

/// What a driver is asked from outside.
#[derive(Default)]
pub(crate) struct Signal {
    driver: AtomicWaker,
    settle: AtomicBool,
    /// The peer has said how many streams it takes.
    knows_streams: AtomicBool,
}

impl Signal {
    /// Asks the driver of HTTP/1.1 to run once more and then to say so ([`Observer::settled`]).
    pub(crate) fn settle(&self) {
        self.settle_later();
        self.driver.wake();
    }

    /// The same whenever it runs next.
    pub(crate) fn settle_later(&self) {
        self.settle.store(true, Ordering::Release);
    }
}

type Io<T> = TokioIo<ActivityStream<T>>;

/// Runs a connection of HTTP/1.1 until it ends.
pub(crate) async fn drive_http1<T>(
    connection: http1::Connection<Io<T>, RequestBody>,
    signal: Arc<Signal>,
    observer: Weak<dyn Observer>,
    origin: Origin,
    id: u64,
) where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // It ends, and gives its place back, before that is told.
    {
        let mut connection = pin!(connection);
        poll_fn(|cx| {
            signal.driver.register(cx.waker());
            let settle = signal.settle.swap(false, Ordering::Acquire);
            let polled = connection.as_mut().poll(cx);
            if settle && let Some(observer) = observer.upgrade() {
                observer.settled(&origin, id);
            }
            polled.map(drop)
        })
        .await;
    }
    if let Some(observer) = observer.upgrade() {
        observer.gone(&origin, id);
    }
}

/// Runs a connection of HTTP/2 until it ends, and tells how many streams the peer takes.
pub(crate) async fn drive_http2<T>(
    connection: http2::Connection<Io<T>, RequestBody, Tasks>,
    signal: Arc<Signal>,
    observer: Weak<dyn Observer>,
    origin: Origin,
    id: u64,
) where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut connection, mut told) = (pin!(connection), STREAMS_UNKNOWN);
    poll_fn(|cx| {
        signal.driver.register(cx.waker());
        let polled = connection.as_mut().poll(cx);
        let streams = connection.current_max_send_streams();
        if streams != told {
            told = streams;
            signal.knows_streams.store(true, Ordering::Relaxed);
            if let Some(observer) = observer.upgrade() {
                observer.takes_streams(&origin, id, streams);
            }
        }
        polled.map(drop)
    })
    .await;
    if let Some(observer) = observer.upgrade() {
        observer.gone(&origin, id);
    }
}

/// The tasks that hyper has one connection of HTTP/2 run besides, ended with it.
#[derive(Clone)]
pub(crate) struct Tasks {
    running: Arc<Mutex<JoinSet<()>>>,
    signal: Arc<Signal>,
}

impl Tasks {
    pub(crate) fn new(signal: Arc<Signal>) -> Self {
        Self { running: Arc::default(), signal }
    }

    pub(crate) fn abort(&self) {
        // Nothing in here panics half-way through a change.
        self.running.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, task: F) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        while running.try_join_next().is_some() {}
        // The first is the one that reads the peer's settings: the driver does not learn of them by itself.
        if running.is_empty() && !self.signal.knows_streams.load(Ordering::Relaxed) {
            running.spawn(until_settings(task, Arc::clone(&self.signal)));
        } else {
            running.spawn(task);
        }
    }
}

async fn until_settings(task: impl Future<Output = ()>, signal: Arc<Signal>) {
    let mut task = pin!(task);
    poll_fn(|cx| {
        let polled = task.as_mut().poll(cx);
        if !signal.knows_streams.load(Ordering::Relaxed) {
            signal.driver.wake();
        }
        polled
    })
    .await;
}
