//! Serves an application over HTTP/1.1, with limits on the number of connections and on how long each may wait.

use super::Service;
use super::idle::{Connection, Idle};
use super::slow_clients::{SlowClientGuard, SlowClients};
use super::stall_timeout::StallTimeout;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// The limits of a server's connections. Worst-case memory beside the instances: `connections` x 128 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listening {
    /// The most connections at once. For one more, the connection that has been idle for longest is closed; if none is idle, the new one
    /// waits. Default 1,024.
    pub connections: usize,
    /// How long a client may take for the head of a request, which includes waiting for the next one. Default 30 s.
    pub head: Duration,
    /// How long a client may pause in the body of its request. Default 60 s.
    pub stall: Duration,
    /// How long a client may take to read 64 KiB that are ready for it. A slower one is cut off, because it occupies a place in an
    /// instance. Default 20 s.
    pub slow: Duration,
    /// The same while every instance is full and another request has arrived: the slowest client is then cut off for it. Default 1 s.
    pub slow_when_full: Duration,
    /// How long requests in progress may take to finish when the service stops. Default 30 s.
    pub grace: Duration,
}

impl Default for Listening {
    fn default() -> Self {
        Self {
            connections: 1_024,
            head: Duration::from_secs(30),
            stall: Duration::from_secs(60),
            slow: Duration::from_secs(20),
            slow_when_full: Duration::from_secs(1),
            grace: Duration::from_secs(30),
        }
    }
}

/// How serving ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// Connections accepted.
    pub connections: u64,
    /// Connections that were cut off because they did not finish in time.
    pub cut_off: usize,
}

/// The most bytes of a request's head, and the most that wait to be written.
const MAX_BUFFER: usize = 64 * 1024;

/// The pause after a failed accept, which is most likely due to a lack of file descriptors.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);

impl Service {
    /// Serves connections until `stop` resolves. Then accepts no more, and lets the requests in progress finish.
    pub async fn serve(&self, listener: TcpListener, listening: Listening, stop: impl Future<Output = ()>) -> Served {
        let mut served = Served::default();
        let (stopping, stopped) = watch::channel(());
        let permits = Arc::new(Semaphore::new(listening.connections));
        let (idle, slow, mut connections) = (Idle::default(), SlowClients::default(), JoinSet::new());
        // A connection that was accepted and waits for a permit.
        let mut accepted_tcp = None;
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                Some(_) = connections.join_next() => {}
                accepted = listener.accept(), if accepted_tcp.is_none() => match accepted {
                    Ok((tcp, _)) => {
                        served.connections += 1;
                        if permits.available_permits() == 0 {
                            idle.evict_oldest();
                        }
                        accepted_tcp = Some(tcp);
                    }
                    Err(_) => sleep(ACCEPT_RETRY_DELAY).await,
                },
                permit = Arc::clone(&permits).acquire_owned(), if accepted_tcp.is_some() => {
                    if let Some(tcp) = accepted_tcp.take() {
                        let connection = connection(self.clone(), tcp, listening, idle.connection(), slow.clone(), stopped.clone());
                        connections.spawn(async move {
                            connection.await;
                            drop(permit);
                        });
                    }
                }
            }
        }
        drop(listener);
        drop(stopping);
        let remaining = async { while connections.join_next().await.is_some() {} };
        // Connections that have not finished are counted and cut off.
        let _ = timeout(listening.grace, remaining).await;
        served.cut_off = connections.len();
        connections.shutdown().await;
        served
    }
}

/// Serves one connection until its client disconnects or stalls, it is evicted, or the service stops.
async fn connection(
    service: Service,
    tcp: TcpStream,
    listening: Listening,
    idle: Arc<Connection>,
    slow: SlowClients,
    mut stopped: watch::Receiver<()>,
) {
    // Each outcome is sent in its own packet. If this fails, the connection is only slower.
    let _ = tcp.set_nodelay(true);
    let (too_slow, closed) = (CancellationToken::new(), CancellationToken::new());
    // Declared first, so that it is dropped last, when the connection has released its permits.
    let _closed = closed.clone().drop_guard();
    let io = SlowClientGuard::new(tcp, listening.slow, slow.clone(), too_slow.clone(), closed);
    let eviction = Arc::clone(&idle);
    let answer = service_fn(move |request: Request<Incoming>| {
        let (service, slow, busy) = (service.clone(), slow.clone(), idle.busy());
        let request = request.map(|body| StallTimeout::new(body, listening.stall).boxed_unsync());
        async move {
            while service.is_full() && slow.evict_slowest(listening.slow_when_full).await {}
            let mut response = service.handle(request).await;
            response.body_mut().set_busy(busy);
            Ok::<Response<_>, Infallible>(response)
        }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(listening.head).max_buf_size(MAX_BUFFER);
    let mut connection = pin!(server.serve_connection(TokioIo::new(io), answer));
    // The error of a client that breaks its connection is reported to nobody.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = eviction.evicted() => {}
        () = too_slow.cancelled() => {}
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}
