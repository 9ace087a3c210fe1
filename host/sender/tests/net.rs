//! A network with a single peer.

use bytes::Bytes;
use fantail_engine::Facts;
use fantail_facts::{ATTEMPT, FACTS};
use fantail_sender::{
    Account, Allowance, Approved, Client, Connect, Connections, Egress, PoolLimits, Resolve, ResolveError,
    ResponseBody, Route, SendError, Sender, SenderConfig, Timeouts, Tls, TlsSettings, Transport,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tower_service::Service;

pub(crate) const MS: Duration = Duration::from_millis(1);

type Serve = dyn Fn(DuplexStream, usize) -> BoxFuture<'static, ()> + Send + Sync;

/// The peer of every connection. It is called with the number of connections before.
#[derive(Clone)]
pub(crate) struct Net {
    serve: Arc<Serve>,
    /// How long it takes to connect.
    connecting: Duration,
    connections: Arc<AtomicUsize>,
    /// How much the last read over any of them would have taken.
    room: Arc<AtomicUsize>,
}

/// The address that every name resolves to.
pub(crate) const ADDRESS: &str = "10.0.0.1";

pub(crate) struct Rig {
    pub(crate) sender: Sender,
    pub(crate) client: Client,
    net: Net,
}

impl Net {
    pub(crate) fn new<F: Future<Output = ()> + Send + 'static>(
        serve: impl Fn(DuplexStream, usize) -> F + Send + Sync + 'static,
    ) -> Self {
        let serve = Arc::new(move |io, before| serve(io, before).boxed());
        Self { serve, connecting: Duration::ZERO, connections: Arc::default(), room: Arc::default() }
    }

    /// A peer that does the same on every connection: it reads a head, pauses, sends these bytes, and continues with the next request.
    pub(crate) fn answering(pause: Duration, answer: impl AsRef<[u8]>) -> Self {
        let answer = answer.as_ref().to_vec();
        Self::new(move |mut io, _| {
            let answer = answer.clone();
            async move {
                while head(&mut io).await.is_some() {
                    tokio::time::sleep(pause).await;
                    let _ = io.write_all(&answer).await;
                }
            }
        })
    }

    pub(crate) fn connecting_takes(self, connecting: Duration) -> Self {
        Self { connecting, ..self }
    }

    pub(crate) fn rig(&self) -> Rig {
        self.rig_with(Timeouts::default(), PoolLimits::default(), TlsSettings::default())
    }

    pub(crate) fn rig_with(&self, timeouts: Timeouts, limits: PoolLimits, tls: TlsSettings) -> Rig {
        self.rig_of(SenderConfig { tls: Tls::new(tls), ..self.config() }, timeouts, limits)
    }

    /// What a sender in this network is made from.
    pub(crate) fn config(&self) -> SenderConfig {
        SenderConfig {
            egress: Egress::nothing().allow("10.0.0.0/8".parse().unwrap()),
            resolver: Arc::new(Names),
            transports: Arc::new(self.clone()),
            tls: Tls::new(TlsSettings::default()),
            route: Route::Direct,
            http2_prior_knowledge: false,
            decompress: false,
        }
    }

    pub(crate) fn rig_of(&self, config: SenderConfig, timeouts: Timeouts, limits: PoolLimits) -> Rig {
        let sender = Sender::new(config, timeouts, limits);
        let allowance = Allowance { bytes: 1 << 40, body: 1 << 40 };
        let client = Client::new(sender.clone(), Arc::new(Account::new(allowance)));
        Rig { sender, client, net: self.clone() }
    }
}

impl Connect for Net {
    fn connect(&self, _: Approved) -> BoxFuture<'static, io::Result<Box<dyn Transport>>> {
        let net = self.clone();
        async move {
            tokio::time::sleep(net.connecting).await;
            let before = net.connections.fetch_add(1, Ordering::SeqCst);
            let (ours, theirs) = duplex(1 << 20);
            tokio::spawn((net.serve)(theirs, before));
            Ok(Box::new(Ours { io: ours, room: Arc::clone(&net.room) }) as Box<dyn Transport>)
        }
        .boxed()
    }
}

/// Our end of a connection.
struct Ours {
    io: DuplexStream,
    room: Arc<AtomicUsize>,
}

impl AsyncRead for Ours {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.room.store(buffer.remaining(), Ordering::SeqCst);
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Ours {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// A resolver that takes 10 ms for any name.
struct Names;

impl Resolve for Names {
    fn resolve(&self, _: &str) -> BoxFuture<'static, Result<Vec<IpAddr>, ResolveError>> {
        tokio::time::sleep(10 * MS).map(|()| Ok(vec![ADDRESS.parse().unwrap()])).boxed()
    }
}

pub(crate) type Answer = Result<Response<ResponseBody>, SendError>;

impl Rig {
    /// How many connections the peer has seen.
    pub(crate) fn connected(&self) -> usize {
        self.net.connections.load(Ordering::SeqCst)
    }

    /// How much the last read over any connection would have taken.
    pub(crate) fn room_to_read(&self) -> usize {
        self.net.room.load(Ordering::SeqCst)
    }

    pub(crate) fn connections(&self) -> Connections {
        self.sender.connections()
    }

    /// Sends a request without a body.
    pub(crate) fn send(&self, request: Request<Empty<Bytes>>) -> BoxFuture<'static, Answer> {
        self.client.clone().call(request)
    }

    pub(crate) fn get(&self, url: &str) -> BoxFuture<'static, Answer> {
        self.send(Request::get(url).body(Empty::new()).unwrap())
    }

    /// The same, requesting the facts of the attempt with this number.
    pub(crate) fn attempt(&self, url: &str, number: u64) -> BoxFuture<'static, Answer> {
        self.send(Request::get(url).header(ATTEMPT, number.to_string()).body(Empty::new()).unwrap())
    }

    /// Reads a response to its end, and returns its body, or the cause and phase of the failure.
    pub(crate) fn outcome(&self, url: &str) -> BoxFuture<'static, String> {
        let answer = self.get(url);
        async move {
            let read = async { text(answer.await?).await };
            read.await.unwrap_or_else(|error: SendError| format!("{} {}", error.cause, error.phase.name()))
        }
        .boxed()
    }
}

pub(crate) async fn text(response: Response<ResponseBody>) -> Result<String, SendError> {
    Ok(String::from_utf8(response.into_body().collect().await?.to_bytes().to_vec()).unwrap())
}

pub(crate) fn facts<B>(response: &Response<B>) -> Facts {
    fantail_facts::read(response.headers().get(FACTS).unwrap().to_str().unwrap())
}

/// Reads up to the end of a head. Returns none when the connection has ended.
pub(crate) async fn head(io: &mut DuplexStream) -> Option<String> {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        read.push(io.read_u8().await.ok()?);
    }
    Some(String::from_utf8(read).unwrap())
}

/// A body of these pieces, each after its pause.
pub(crate) fn slow(
    pieces: Vec<(Duration, &'static str)>,
) -> impl http_body::Body<Data = Bytes, Error = Infallible> + Send {
    let pieces = futures::stream::iter(pieces);
    http_body_util::StreamBody::new(futures::StreamExt::then(pieces, |(pause, piece)| async move {
        tokio::time::sleep(pause).await;
        Ok(http_body::Frame::data(Bytes::from_static(piece.as_bytes())))
    }))
}
