//! One open connection, HTTP/1.1 or HTTP/2.

use super::account::Account;
use super::error::SendError;
use super::transport::Payer;
use super::{Origin, PoolLimits};
use fantail_engine::{Cause, Phase};
use http::header::HOST;
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;
use wasmtime_wasi_http::WasiBody;

/// An open connection. One of HTTP/1.1 takes one request at a time and is closed when it is dropped; one of HTTP/2 takes many, by
/// its clones, and is closed with the last of them.
pub(crate) struct Connection {
    pub(super) origin: Origin,
    protocol: Protocol,
    open: Arc<Open>,
    most_informational: u32,
    /// Nothing more is to be sent over it.
    last: bool,
}

enum Protocol {
    Http1(http1::SendRequest<WasiBody>),
    Http2(http2::SendRequest<WasiBody>),
}

/// What lasts as long as the connection.
struct Open {
    driver: AbortHandle,
    /// Those of HTTP/2: one of them holds the socket.
    tasks: Tasks,
    payer: Payer,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.driver.abort();
        self.tasks.abort();
    }
}

/// Bytes of one body that HTTP/2 holds before they are read.
const STREAM_WINDOW: u32 = 256 << 10;

/// So many that it never binds.
const CONNECTION_WINDOW: u32 = i32::MAX.cast_unsigned();

/// How long a connection that was kept may take to be ready: what is still under way on it belongs to another.
const READY: Duration = Duration::from_millis(50);

/// Why an exchange failed.
pub(crate) struct Unanswered {
    pub(crate) error: SendError,
    /// The request, if nothing of it was sent.
    pub(crate) unsent: Option<Request<WasiBody>>,
}

/// The tasks of one connection, ended with it.
#[derive(Clone, Default)]
struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl Tasks {
    fn abort(&self) {
        // Nothing in here panics half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, task: F) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }
}

impl Connection {
    /// Begins to speak over what has just been opened.
    pub(crate) async fn start<T>(
        io: T,
        origin: Origin,
        http2: bool,
        payer: Payer,
        limits: PoolLimits,
    ) -> Result<Self, SendError>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let failed = |error: hyper::Error| SendError::hyper(&error, Phase::Connect);
        let tasks = Tasks::default();
        // What goes wrong with a driver is told to the requests that are under way.
        let (protocol, driver) = if http2 {
            let head = u32::try_from(limits.head_bytes).unwrap_or(u32::MAX);
            let mut builder = http2::Builder::new(tasks.clone());
            builder.timer(TokioTimer::new()).max_header_list_size(head);
            // Only its own window holds a body back: one that nobody reads must not stop the others.
            builder.initial_stream_window_size(STREAM_WINDOW).initial_connection_window_size(CONNECTION_WINDOW);
            // A server that does not answer for this long is gone, whatever its requests wait for.
            builder.keep_alive_interval(Duration::from_secs(15)).keep_alive_timeout(Duration::from_secs(15));
            let (sender, connection) = builder.handshake(TokioIo::new(io)).await.map_err(failed)?;
            (Protocol::Http2(sender), tokio::spawn(async move { drop(connection.await) }).abort_handle())
        } else {
            let mut builder = http1::Builder::new();
            builder.max_headers(limits.head_fields).max_header_size(limits.head_bytes);
            let (sender, connection) = builder.handshake(TokioIo::new(io)).await.map_err(failed)?;
            (Protocol::Http1(sender), tokio::spawn(async move { drop(connection.await) }).abort_handle())
        };
        let open = Arc::new(Open { driver, tasks, payer });
        Ok(Self { origin, protocol, open, most_informational: limits.informational, last: false })
    }

    /// Whether it takes several requests at a time.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.protocol, Protocol::Http2(_))
    }

    /// Another handle of the same connection, if it takes several requests at a time.
    pub(crate) fn share(&self) -> Option<Self> {
        let Protocol::Http2(sender) = &self.protocol else { return None };
        let (protocol, open) = (Protocol::Http2(sender.clone()), Arc::clone(&self.open));
        let (origin, most_informational) = (self.origin.clone(), self.most_informational);
        Some(Self { origin, protocol, open, most_informational, last: false })
    }

    /// Whether these are two handles of one connection.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.open, &other.open)
    }

    /// Whether no other handle of it is in use.
    pub(crate) fn is_unused(&self) -> bool {
        Arc::strong_count(&self.open) == 1
    }

    /// The same connection, not to be used for another request.
    pub(crate) fn not_again(self) -> Self {
        Self { last: true, ..self }
    }

    /// Whether another request may be sent over it.
    pub(crate) fn is_open(&self) -> bool {
        match &self.protocol {
            Protocol::Http1(sender) => !self.last && !sender.is_closed(),
            Protocol::Http2(sender) => !sender.is_closed(),
        }
    }

    /// Sends a request and waits for the head of its response.
    pub(crate) async fn exchange(
        &mut self,
        mut request: Request<WasiBody>,
        within: Duration,
        account: &Arc<Account>,
    ) -> Result<Response<Incoming>, Box<Unanswered>> {
        self.open.payer.is_now(account);
        let (flooded, most) = (Arc::new(Notify::new()), self.most_informational);
        let (seen, flood) = (AtomicU32::new(0), Arc::clone(&flooded));
        hyper::ext::on_informational(&mut request, move |_| {
            if seen.fetch_add(1, Ordering::Relaxed) >= most {
                flood.notify_one();
            }
        });
        tokio::select! {
            biased;
            () = flooded.notified() => {
                let detail = format!("more than {most} informational responses before the answer");
                Err(unanswered(SendError::new(Cause::HttpProtocolError, Phase::Head, detail), None))
            }
            answered = timeout(within, self.send(request)) => answered.unwrap_or_else(|_| {
                let detail = format!("no head within {within:?}");
                Err(unanswered(SendError::new(Cause::HttpResponseTimeout, Phase::Head, detail), None))
            }),
        }
    }

    async fn send(&mut self, request: Request<WasiBody>) -> Result<Response<Incoming>, Box<Unanswered>> {
        let failed = |mut error: hyper::client::conn::TrySendError<Request<WasiBody>>| {
            let unsent = error.take_message();
            unanswered(SendError::hyper(error.error(), Phase::Head), unsent)
        };
        let closed = |error: hyper::Error, request| unanswered(SendError::hyper(&error, Phase::Head), Some(request));
        match &mut self.protocol {
            Protocol::Http1(sender) => {
                let request = in_origin_form(request)?;
                // A connection from the pool may still be busy with the last bytes of the exchange before.
                match timeout(READY, sender.ready()).await {
                    Ok(Ok(())) => sender.try_send_request(request).await.map_err(failed),
                    Ok(Err(error)) => Err(closed(error, request)),
                    Err(_) => {
                        let detail = "the connection is still busy with another request's body";
                        let error = SendError::new(Cause::ConnectionTerminated, Phase::Head, detail);
                        Err(unanswered(error, Some(request)))
                    }
                }
            }
            Protocol::Http2(sender) => match sender.ready().await {
                Ok(()) => {
                    let mut request = request;
                    // It goes into `:authority`.
                    request.headers_mut().remove(HOST);
                    sender.try_send_request(request).await.map_err(failed)
                }
                Err(error) => Err(closed(error, request)),
            },
        }
    }
}

fn unanswered(error: SendError, unsent: Option<Request<WasiBody>>) -> Box<Unanswered> {
    Box::new(Unanswered { error, unsent })
}

/// The request target as an origin server expects it (RFC 9112, section 3.2.1).
fn in_origin_form(mut request: Request<WasiBody>) -> Result<Request<WasiBody>, Box<Unanswered>> {
    let target = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let target = if target.starts_with('?') { format!("/{target}") } else { target.to_owned() };
    let not_a_target = |_| {
        let error = SendError::new(Cause::HttpRequestUriInvalid, Phase::Request, "the path is not a target");
        unanswered(error, None)
    };
    *request.uri_mut() = target.parse::<Uri>().map_err(not_a_target)?;
    Ok(request)
}
