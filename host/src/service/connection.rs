//! Connections that an application is reached by: HTTP/1.1, bounded in number and in patience.

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

/// How connections are kept. Worst-case memory beside the instances: `connections` x 128 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listening {
    /// Connections at once. For one more, the one is given up that has waited longest for a request; if there is none such, it waits.
    /// Default 1,024.
    pub connections: usize,
    /// For the head of a request, which includes waiting for the next one. Default 30 s.
    pub head: Duration,
    /// How long a client may give nothing of its body. Default 60 s.
    pub stall: Duration,
    /// How long a client may take for 64 KiB of what is there for it. One that is slower is cut off, because it keeps a place in an
    /// instance. Default 20 s.
    pub slow: Duration,
    /// The same when every instance is full and another request has come: then the slowest client is cut off for it. Default 1 s.
    pub slow_when_full: Duration,
    /// How long those that are being answered have when the service stops. Default 30 s.
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
    /// Connections that were cut off because they were not done in time.
    pub cut_off: usize,
}

/// Bytes of a request's head, and of what waits to be written, at most.
const BUFFER: usize = 64 * 1024;

/// After an accept that failed, most likely for want of file descriptors.
const BREATH: Duration = Duration::from_millis(50);

impl Service {
    /// Serves all who connect until `stop` resolves; then accepts no more, and lets those that are being answered finish.
    pub async fn serve(&self, listener: TcpListener, listening: Listening, stop: impl Future<Output = ()>) -> Served {
        let mut served = Served::default();
        let (stopping, stopped) = watch::channel(());
        let places = Arc::new(Semaphore::new(listening.connections));
        let (idle, slow, mut connections) = (Idle::default(), SlowClients::default(), JoinSet::new());
        // Accepted, and without a place.
        let mut next = None;
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                Some(_) = connections.join_next() => {}
                accepted = listener.accept(), if next.is_none() => match accepted {
                    Ok((tcp, _)) => {
                        served.connections += 1;
                        if places.available_permits() == 0 {
                            idle.give_up_oldest();
                        }
                        next = Some(tcp);
                    }
                    Err(_) => sleep(BREATH).await,
                },
                place = Arc::clone(&places).acquire_owned(), if next.is_some() => {
                    if let Some(tcp) = next.take() {
                        let connection = connection(self.clone(), tcp, listening, idle.connection(), slow.clone(), stopped.clone());
                        connections.spawn(async move {
                            connection.await;
                            drop(place);
                        });
                    }
                }
            }
        }
        drop(listener);
        drop(stopping);
        let all = async { while connections.join_next().await.is_some() {} };
        // Those that are left are counted and cut off.
        let _ = timeout(listening.grace, all).await;
        served.cut_off = connections.len();
        connections.shutdown().await;
        served
    }
}

/// Serves one connection until its client has left, it has stalled, it is given up, or the service stops.
async fn connection(
    service: Service,
    tcp: TcpStream,
    listening: Listening,
    idle: Arc<Connection>,
    slow: SlowClients,
    mut stopped: watch::Receiver<()>,
) {
    // An outcome is worth a packet of its own; where that fails, it is only slower.
    let _ = tcp.set_nodelay(true);
    let (too_slow, gone) = (CancellationToken::new(), CancellationToken::new());
    // Dropped last, when the connection has given its places back.
    let _gone = gone.clone().drop_guard();
    let io = SlowClientGuard::new(tcp, listening.slow, slow.clone(), too_slow.clone(), gone);
    let given_up = Arc::clone(&idle);
    let answer = service_fn(move |request: Request<Incoming>| {
        let (service, slow, busy) = (service.clone(), slow.clone(), idle.busy());
        let request = request.map(|body| StallTimeout::new(body, listening.stall).boxed_unsync());
        async move {
            while service.is_full() && slow.give_up_slowest(listening.slow_when_full).await {}
            let mut response = service.handle(request).await;
            response.body_mut().keep(busy);
            Ok::<Response<_>, Infallible>(response)
        }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(listening.head).max_buf_size(BUFFER);
    let mut connection = pin!(server.serve_connection(TokioIo::new(io), answer));
    // A client that breaks its connection off has nobody but itself to tell.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = given_up.given_up() => {}
        () = too_slow.cancelled() => {}
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}
