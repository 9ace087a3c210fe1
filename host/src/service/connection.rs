//! Connections that an application is reached by: HTTP/1.1, bounded in number and in patience.

use super::Service;
use super::patient::Patient;
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
use tokio::time::{Instant, sleep, timeout_at};
use tokio_io_timeout::TimeoutStream;

/// How connections are kept. Worst-case memory beside the instances: `connections` x 128 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listening {
    /// Connections at once; others wait to be accepted. Default 1,024.
    pub connections: usize,
    /// For the head of a request, which includes waiting for the next one. Default 30 s.
    pub head: Duration,
    /// How long a client may take nothing of what is written to it, or give nothing of its body. Default 60 s. One that takes a
    /// little now and then may take as long as it likes, and keeps its place in an instance.
    pub stall: Duration,
    /// How long those that are being answered have when the service stops. Default 30 s.
    pub grace: Duration,
}

impl Default for Listening {
    fn default() -> Self {
        Self {
            connections: 1_024,
            head: Duration::from_secs(30),
            stall: Duration::from_secs(60),
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
        let mut connections = JoinSet::new();
        let mut stop = pin!(stop);
        loop {
            let accept = async {
                let place = Arc::clone(&places).acquire_owned().await;
                (place, listener.accept().await)
            };
            tokio::select! {
                () = &mut stop => break,
                Some(_) = connections.join_next() => {}
                accepted = accept => match accepted {
                    (Ok(place), Ok((tcp, _))) => {
                        served.connections += 1;
                        let connection = connection(self.clone(), tcp, listening, stopped.clone());
                        connections.spawn(async move {
                            connection.await;
                            drop(place);
                        });
                    }
                    _ => sleep(BREATH).await,
                },
            }
        }
        drop(listener);
        drop(stopping);
        let deadline = Instant::now() + listening.grace;
        while let Ok(Some(_)) = timeout_at(deadline, connections.join_next()).await {}
        served.cut_off = connections.len();
        connections.shutdown().await;
        served
    }
}

/// Serves one connection until its client has left, it has stalled, or the service stops.
async fn connection(service: Service, tcp: TcpStream, listening: Listening, mut stopped: watch::Receiver<()>) {
    // An outcome is worth a packet of its own; where that fails, it is only slower.
    let _ = tcp.set_nodelay(true);
    let mut io = Box::pin(TimeoutStream::new(tcp));
    io.as_mut().set_write_timeout_pinned(Some(listening.stall));
    let answer = service_fn(move |request: Request<Incoming>| {
        let service = service.clone();
        let request = request.map(|body| Patient::new(body, listening.stall).boxed_unsync());
        async move { Ok::<Response<_>, Infallible>(service.handle(request).await) }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(listening.head).max_buf_size(BUFFER);
    let mut connection = pin!(server.serve_connection(TokioIo::new(io), answer));
    // A client that breaks its connection off has nobody but itself to tell.
    tokio::select! {
        _ = connection.as_mut() => {}
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}
