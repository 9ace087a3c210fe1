//! The tasks of a connection: they run hyper, and report events to an observer.

use crate::hibernation::{Hibernate, Io};
use crate::limits::PoolLimits;
use crate::observer::Observer;
use crate::origin::Origin;
use crate::outgoing::RequestBody;
use futures::task::AtomicWaker;
use hyper::client::conn::{http1, http2};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Poll;
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
    hibernation: Mutex<Hibernation>,
}

/// Whether an HTTP/1.1 connection is to hibernate.
#[derive(Default)]
enum Hibernation {
    #[default]
    No,
    Asked(Hibernate),
    /// It has ended. Who asks now learns that, because what was asked is dropped.
    Ended,
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

    /// Has the driver of an HTTP/1.1 connection let it hibernate.
    pub(crate) fn hibernate(&self, hibernate: Hibernate) {
        let mut hibernation = self.hibernation();
        if !matches!(*hibernation, Hibernation::Ended) {
            *hibernation = Hibernation::Asked(hibernate);
        }
        drop(hibernation);
        self.driver.wake();
    }

    fn take_hibernate(&self) -> Option<Hibernate> {
        match std::mem::take(&mut *self.hibernation()) {
            Hibernation::Asked(hibernate) => Some(hibernate),
            Hibernation::No | Hibernation::Ended => None,
        }
    }

    fn ended(&self) {
        *self.hibernation() = Hibernation::Ended;
    }

    fn hibernation(&self) -> MutexGuard<'_, Hibernation> {
        // No code panics while it holds the lock.
        self.hibernation.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How hyper speaks HTTP/1.1.
pub(crate) fn http1_builder(limits: PoolLimits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.max_headers(limits.head_fields).max_header_size(limits.head_bytes);
    builder
}

/// Runs an HTTP/1.1 connection until it ends.
pub(crate) async fn drive_http1<T>(
    mut connection: Box<http1::Connection<Io<T>, RequestBody>>,
    limits: PoolLimits,
    signal: Arc<Signal>,
    observer: Weak<dyn Observer>,
    origin: Origin,
    id: u64,
) where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let report = || observed(&observer, |observer| observer.polled(&origin, id));
    while let Some((io, hibernate)) = run_http1(connection, &signal, report).await {
        let Some((io, to)) = hibernate.wait(io).await else { break };
        let Ok((send, woken)) = http1_builder(limits).handshake(io).await else { break };
        connection = Box::new(woken);
        // Dropped, it ends the connection.
        drop(to.send(send));
    }
    signal.ended();
    // The connection has been dropped, and its slot freed, before its end is reported.
    observed(&observer, |observer| observer.closed(&origin, id));
}

fn observed(observer: &Weak<dyn Observer>, report: impl FnOnce(Arc<dyn Observer>)) {
    if let Some(observer) = observer.upgrade() {
        report(observer);
    }
}

/// Runs an HTTP/1.1 connection until it ends, or hibernates: then returns its transport.
async fn run_http1<T>(
    mut connection: Box<http1::Connection<Io<T>, RequestBody>>,
    signal: &Signal,
    report: impl Fn(),
) -> Option<(Io<T>, Hibernate)>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let hibernate = poll_fn(|cx| {
        signal.driver.register(cx.waker());
        // Not polled any more: without what sends, hyper would end the connection.
        if let Some(hibernate) = signal.take_hibernate() {
            return Poll::Ready(Some(hibernate));
        }
        let reports = signal.report_poll.swap(false, Ordering::Acquire);
        let polled = Pin::new(&mut *connection).poll(cx);
        if reports {
            report();
        }
        polled.map(|_ended| None)
    });
    let hibernate = hibernate.await?;
    let http1::Parts { io, read_buf, .. } = connection.into_parts();
    read_buf.is_empty().then_some((io, hibernate))
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
            observed(&observer, |observer| observer.max_streams_changed(&origin, id, streams));
        }
        polled.map(drop)
    })
    .await;
    observed(&observer, |observer| observer.closed(&origin, id));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::ActivityStream;
    use hyper_util::rt::TokioIo;

    /// It would wait for its driver for ever.
    #[tokio::test]
    async fn a_connection_that_has_ended_is_not_woken() {
        for has_ended in [false, true] {
            let io = ActivityStream { io: tokio::io::duplex(1).0, activity: Arc::default() };
            let (send, _connection) = http1_builder(PoolLimits::default()).handshake(TokioIo::new(io)).await.unwrap();
            let signal = Signal::default();
            if has_ended {
                signal.ended();
            }
            let (hibernate, wake_up) = Hibernate::new(send);
            signal.hibernate(hibernate);
            assert_eq!(wake_up.is_closed(), has_ended);
        }
    }
}
