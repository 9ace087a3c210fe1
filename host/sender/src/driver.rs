//! The tasks of a connection: they run hyper, and report events to an observer.

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

/// The number of streams that hyper assumes until the peer's settings arrive: a value that no peer sends.
pub(crate) const STREAMS_UNKNOWN: usize = usize::MAX - 1;

/// What is asked of a driver from outside.
#[derive(Default)]
pub(crate) struct Signal {
    driver: AtomicWaker,
    report_poll: AtomicBool,
    /// The peer's settings have arrived, and with them how many streams it allows.
    knows_streams: AtomicBool,
}

impl Signal {
    /// Wakes the driver of an HTTP/1.1 connection, and has it report when it has been polled ([`Observer::polled`]).
    pub(crate) fn request_poll(&self) {
        self.report_next_poll();
        self.driver.wake();
    }

    /// Has the driver report its next poll, without waking it.
    pub(crate) fn report_next_poll(&self) {
        self.report_poll.store(true, Ordering::Release);
    }
}

type Io<T> = TokioIo<ActivityStream<T>>;

/// Runs an HTTP/1.1 connection until it ends.
pub(crate) async fn drive_http1<T>(
    connection: http1::Connection<Io<T>, RequestBody>,
    signal: Arc<Signal>,
    observer: Weak<dyn Observer>,
    origin: Origin,
    id: u64,
) where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // The connection is dropped, and its slot freed, before its end is reported.
    {
        let mut connection = pin!(connection);
        poll_fn(|cx| {
            signal.driver.register(cx.waker());
            let report = signal.report_poll.swap(false, Ordering::Acquire);
            let polled = connection.as_mut().poll(cx);
            if report && let Some(observer) = observer.upgrade() {
                observer.polled(&origin, id);
            }
            polled.map(drop)
        })
        .await;
    }
    if let Some(observer) = observer.upgrade() {
        observer.closed(&origin, id);
    }
}

/// Runs an HTTP/2 connection until it ends, and reports how many streams the peer allows.
pub(crate) async fn drive_http2<T>(
    connection: http2::Connection<Io<T>, RequestBody, Tasks>,
    signal: Arc<Signal>,
    observer: Weak<dyn Observer>,
    origin: Origin,
    id: u64,
) where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut connection, mut reported) = (pin!(connection), STREAMS_UNKNOWN);
    poll_fn(|cx| {
        signal.driver.register(cx.waker());
        let polled = connection.as_mut().poll(cx);
        let streams = connection.current_max_send_streams();
        if streams != reported {
            reported = streams;
            signal.knows_streams.store(true, Ordering::Relaxed);
            if let Some(observer) = observer.upgrade() {
                observer.max_streams_changed(&origin, id, streams);
            }
        }
        polled.map(drop)
    })
    .await;
    if let Some(observer) = observer.upgrade() {
        observer.closed(&origin, id);
    }
}

/// The further tasks that hyper spawns for one HTTP/2 connection. They are aborted with it.
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
        // No code panics while it holds the lock.
        self.running.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, task: F) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        while running.try_join_next().is_some() {}
        // The first task is the one that reads the peer's settings: the driver is not woken when they arrive.
        if running.is_empty() && !self.signal.knows_streams.load(Ordering::Relaxed) {
            running.spawn(wake_driver_until_settings(task, Arc::clone(&self.signal)));
        } else {
            running.spawn(task);
        }
    }
}

async fn wake_driver_until_settings(task: impl Future<Output = ()>, signal: Arc<Signal>) {
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
