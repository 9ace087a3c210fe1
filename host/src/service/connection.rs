//! Serves an application over HTTP/1.1, with limits on the number of connections and on how long each may wait.

use super::Service;
use super::counters::ConnectionCounters;
use super::idle::{Connection, Idle};
use super::peers::{Peer, PeerConnection, Peers};
use super::slow_clients::{SlowClientGuard, SlowClients};
use super::stall_timeout::StallTimeout;
use super::tracked::Origin;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::SocketAddr;
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
    /// The most connections of one peer, which is an IPv4 address or an IPv6 network of 64 bits. For one more, the peer's connection that
    /// has been idle for longest is closed; if none is idle, the new one is. Set it to `connections` behind a proxy, as that is then the
    /// only peer. Default 256.
    pub connections_per_peer: usize,
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
            connections_per_peer: 256,
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
        let (clients, mut connections) = (Clients::default(), JoinSet::new());
        let counters = &self.instances.connections;
        // A connection that was accepted and waits for a permit.
        let mut accepted_client = None;
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                Some(_) = connections.join_next() => {}
                accepted = listener.accept(), if accepted_client.is_none() => match accepted {
                    Ok((tcp, address)) => {
                        served.connections += 1;
                        counters.accepted.increment();
                        let is_full = permits.available_permits() == 0;
                        accepted_client = clients.admit(tcp, address, listening.connections_per_peer, is_full, counters);
                    }
                    Err(_) => sleep(ACCEPT_RETRY_DELAY).await,
                },
                permit = Arc::clone(&permits).acquire_owned(), if accepted_client.is_some() => {
                    if let Some(client) = accepted_client.take() {
                        // Now, and not when its task runs: until then, it could not be evicted.
                        let idle = clients.idle.connection(client.address.ip().into());
                        let slow = clients.slow.clone();
                        let connection = connection(self.clone(), client, listening, (idle, slow), stopped.clone());
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
        counters.cut_off.add(served.cut_off as u64);
        connections.shutdown().await;
        served
    }
}

/// What is known of all clients.
#[derive(Default)]
struct Clients {
    idle: Idle,
    slow: SlowClients,
    peers: Peers,
}

/// A client that has connected.
struct Client {
    tcp: TcpStream,
    address: SocketAddr,
    /// Counts it until it is dropped.
    of_peer: PeerConnection,
}

impl Clients {
    /// Refuses a connection by dropping it, if its peer has as many as it may and none of them is idle. If there is no room for it, the
    /// longest idle one gives way: one of its peer, if that has as many as it may, so that a peer at its limit is at nobody else's cost.
    fn admit(
        &self,
        tcp: TcpStream,
        address: SocketAddr,
        per_peer: usize,
        is_full: bool,
        counters: &ConnectionCounters,
    ) -> Option<Client> {
        let peer = Peer::from(address.ip());
        if self.peers.count(peer) >= per_peer {
            if !self.idle.evict_oldest_of(peer) {
                counters.refused.increment();
                return None;
            }
            counters.evicted.increment();
        } else if is_full && self.idle.evict_oldest() {
            counters.evicted.increment();
        }
        Some(Client { tcp, address, of_peer: self.peers.connected(peer) })
    }
}

/// Serves one connection until its client disconnects or stalls, it is evicted, or the service stops.
async fn connection(
    service: Service,
    Client { tcp, address, of_peer }: Client,
    listening: Listening,
    (idle, slow): (Arc<Connection>, SlowClients),
    mut stopped: watch::Receiver<()>,
) {
    let _open = OpenConnection::new(&service);
    // Each outcome is sent in its own packet. If this fails, the connection is only slower.
    let _ = tcp.set_nodelay(true);
    let (too_slow, closed) = (CancellationToken::new(), CancellationToken::new());
    // Declared first, so that it is dropped last, when the connection has released its permits.
    let _closed = closed.clone().drop_guard();
    let io = SlowClientGuard::new(tcp, listening.slow, slow.clone(), too_slow.clone(), closed);
    let eviction = Arc::clone(&idle);
    let (serving, slow_when_full) = (service.clone(), listening.slow_when_full);
    let answer = service_fn(move |request: Request<Incoming>| {
        let (service, slow, busy) = (serving.clone(), slow.clone(), idle.busy());
        let request = request.map(|body| StallTimeout::new(body, listening.stall).boxed_unsync());
        async move {
            let make_room = async || while service.is_full() && slow.evict_slowest(slow_when_full).await {};
            let mut response = service.handle_from(Origin::Client(address), request, make_room).await;
            response.body_mut().set_busy(busy);
            Ok::<Response<_>, Infallible>(response)
        }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(listening.head).max_buf_size(MAX_BUFFER);
    let mut connection = pin!(server.serve_connection(TokioIo::new(io), answer));
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = eviction.evicted() => None,
        () = too_slow.cancelled() => None,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            Some(connection.await)
        }
    };
    // Other errors, such as those of a client that breaks its connection, are reported to nobody.
    if too_slow.is_cancelled() {
        service.instances.connections.slow.increment();
    } else if ended.is_some_and(|ended| ended.is_err_and(|error| error.is_timeout())) {
        service.instances.connections.silent.increment();
    }
    drop(of_peer);
}

/// Counts a connection until it is dropped.
struct OpenConnection(Service);

impl OpenConnection {
    fn new(service: &Service) -> Self {
        service.instances.connections.open.increment();
        Self(service.clone())
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.instances.connections.open.decrement();
    }
}
