//! One open connection, HTTP/1.1 or HTTP/2.

use crate::account::Account;
use crate::activity::{Activity, ActivityStream};
use crate::driver::{STREAMS_UNKNOWN, Signal, Tasks, drive_http1, drive_http2, http1_builder};
use crate::error::SendError;
use crate::hibernation::{Hibernate, WakeUp, wake};
use crate::limits::PoolLimits;
use crate::observer::Observer;
use crate::origin::Origin;
use crate::outgoing::RequestBody;
use crate::record::Record;
use crate::route::Proxy;
use crate::transport::BilledAccount;
use crate::watch::{TooManyInformational, Watched};
use fantail_engine::{Cause, Phase, Protocol};
use http::header::{HOST, PROXY_AUTHORIZATION};
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::AbortHandle;
use tokio::time::timeout;

/// An open connection. An HTTP/1.1 connection takes one request at a time and is closed when it is dropped. An HTTP/2 connection
/// takes many through its handles ([`share`](Self::share)), and is closed with the last of them.
pub(crate) struct Connection {
    handle: Handle,
    open: Arc<Open>,
    /// No further request may be sent over it.
    no_reuse: bool,
}

enum Handle {
    Http1(http1::SendRequest<RequestBody>),
    /// HTTP/1.1, idle, without hyper. None while it is woken, and when it has ended.
    Hibernating(Option<WakeUp>),
    Http2(http2::SendRequest<RequestBody>),
}

/// What the handles of a connection share.
struct Open {
    id: u64,
    origin: Origin,
    remote: Option<SocketAddr>,
    /// The proxy that requests are sent to, if they do not pass through a tunnel.
    proxy: Option<Proxy>,
    driver: AbortHandle,
    /// Further tasks of an HTTP/2 connection: one of them holds the socket.
    tasks: Tasks,
    signal: Arc<Signal>,
    activity: Arc<Activity>,
    billed: BilledAccount,
    limits: PoolLimits,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.driver.abort();
        self.tasks.abort();
    }
}

/// What a new connection is made with, beside its transport.
pub(crate) struct NewConnection {
    pub(crate) origin: Origin,
    /// None for a Unix domain socket.
    pub(crate) remote: Option<SocketAddr>,
    /// The proxy that requests are sent to, if they do not pass through a tunnel.
    pub(crate) proxy: Option<Proxy>,
    pub(crate) http2: bool,
    pub(crate) billed: BilledAccount,
    pub(crate) observer: Weak<dyn Observer>,
    pub(crate) id: u64,
}

/// The most bytes of one body that HTTP/2 buffers before they are read.
const STREAM_WINDOW: u32 = 256 << 10;

/// So large that it never limits anything.
const CONNECTION_WINDOW: u32 = i32::MAX.cast_unsigned();

/// Why an exchange failed.
pub(crate) struct ExchangeError {
    pub(crate) error: SendError,
    /// The request, if no part of it was sent.
    pub(crate) unsent: Option<Request<RequestBody>>,
}

impl Connection {
    /// Starts HTTP over a transport that has just been opened.
    pub(crate) async fn start<T>(io: T, opened: NewConnection, limits: PoolLimits) -> Result<Self, SendError>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let failed = |error: hyper::Error| SendError::hyper(&error, Phase::Connect);
        let (activity, signal) = (Arc::<Activity>::default(), Arc::<Signal>::default());
        let tasks = Tasks::new(Arc::clone(&signal));
        let NewConnection { origin, remote, proxy, http2, billed, observer, id } = opened;
        let io = TokioIo::new(ActivityStream { io, activity: Arc::clone(&activity) });
        // The requests in flight receive a driver's error, so the driver's own result is ignored.
        let (handle, driver) = if http2 {
            let head = u32::try_from(limits.head_bytes).unwrap_or(u32::MAX);
            let mut builder = http2::Builder::new(tasks.clone());
            builder.timer(TokioTimer::new()).max_header_list_size(head).initial_max_send_streams(STREAMS_UNKNOWN);
            // A body is held back only by its stream's window: one that nobody reads must not stop the others.
            builder.initial_stream_window_size(STREAM_WINDOW).initial_connection_window_size(CONNECTION_WINDOW);
            // A server that does not answer a PING for this long is dead, whatever its requests wait for.
            builder.keep_alive_interval(Duration::from_secs(15)).keep_alive_timeout(Duration::from_secs(15));
            let (send, connection) = builder.handshake(io).await.map_err(failed)?;
            let driver = drive_http2(connection, Arc::clone(&signal), observer, origin.clone(), id);
            (Handle::Http2(send), tokio::spawn(driver).abort_handle())
        } else {
            let (send, connection) = http1_builder(limits).handshake(io).await.map_err(failed)?;
            let driver = drive_http1(Box::new(connection), limits, Arc::clone(&signal), observer, origin.clone(), id);
            (Handle::Http1(send), tokio::spawn(driver).abort_handle())
        };
        let open = Open { id, origin, remote, proxy, driver, tasks, signal, activity, billed, limits };
        Ok(Self { handle, open: Arc::new(open), no_reuse: false })
    }

    pub(crate) fn id(&self) -> u64 {
        self.open.id
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.open.origin
    }

    pub(crate) fn remote(&self) -> Option<SocketAddr> {
        self.open.remote
    }

    pub(crate) fn protocol(&self) -> Protocol {
        match &self.handle {
            Handle::Http1(_) | Handle::Hibernating(_) => Protocol::Http1,
            Handle::Http2(_) => Protocol::Http2,
        }
    }

    /// Another handle to the same connection, if it takes several requests at a time.
    pub(crate) fn share(&self) -> Option<Self> {
        let Handle::Http2(send) = &self.handle else { return None };
        Some(Self { handle: Handle::Http2(send.clone()), open: Arc::clone(&self.open), no_reuse: false })
    }

    /// Forbids further requests over this connection.
    pub(crate) fn forbid_reuse(&mut self) {
        self.no_reuse = true;
    }

    /// Whether another request may be sent over it.
    pub(crate) fn is_open(&self) -> bool {
        match &self.handle {
            Handle::Http1(send) => !self.no_reuse && !send.is_closed(),
            Handle::Hibernating(wake_up) => wake_up.as_ref().is_some_and(|wake_up| !wake_up.is_closed()),
            Handle::Http2(send) => !send.is_closed(),
        }
    }

    /// Whether hyper is done with the previous request: it may still have to process the end of the response's body, or to write the
    /// rest of the request's.
    pub(crate) fn is_ready(&self) -> bool {
        match &self.handle {
            Handle::Http1(send) => send.is_ready(),
            Handle::Hibernating(_) => true,
            Handle::Http2(send) => send.is_ready(),
        }
    }

    /// Gives back what hyper holds for it, until there is another request: if it is an HTTP/1.1 connection over which nothing is under way.
    pub(crate) fn hibernate(&mut self) {
        if !self.is_open() || !self.is_ready() || self.open.activity.is_blocked() {
            return;
        }
        self.handle = match std::mem::replace(&mut self.handle, Handle::Hibernating(None)) {
            Handle::Http1(send) => {
                let (hibernate, wake_up) = Hibernate::new(send);
                self.open.signal.hibernate(hibernate);
                Handle::Hibernating(Some(wake_up))
            }
            other => other,
        };
    }

    /// Wakes the driver, and has it report when it has been polled ([`Observer::polled`]).
    pub(crate) fn request_poll(&self) {
        self.open.signal.request_poll();
    }

    /// Has the driver report its next poll, without waking it.
    pub(crate) fn report_next_poll(&self) {
        self.open.signal.report_next_poll();
    }

    /// How many reads from it have returned so far.
    pub(crate) fn reads(&self) -> u64 {
        self.open.activity.reads()
    }

    /// Whether the peer has answered a request over it.
    pub(crate) fn has_answered(&self) -> bool {
        self.open.activity.has_answered()
    }

    pub(crate) fn tls_error(&self) -> Option<&rustls::Error> {
        self.open.activity.tls_error()
    }

    /// Sends a request and waits for the head of its response.
    pub(crate) async fn exchange(
        &mut self,
        mut request: Request<RequestBody>,
        within: Duration,
        account: &Arc<Account>,
        record: &mut Record,
    ) -> Result<Response<Incoming>, Box<ExchangeError>> {
        self.open.billed.set(account);
        self.open.activity.expect_head();
        let watch = Arc::clone(&record.watch);
        let counter = Arc::clone(&watch);
        hyper::ext::on_informational(&mut request, move |_| counter.count_informational());
        let answered = {
            let answer = pin!(self.send(request));
            timeout(within, Watched::new(&watch, answer)).await
        };
        match answered {
            Ok(Ok((Ok(response), at))) => {
                record.head(at);
                self.open.activity.head_arrived();
                Ok(response)
            }
            Ok(Ok((Err(error), _))) => Err(self.refine(error)),
            Ok(Err(TooManyInformational)) => {
                let detail = "more informational responses before the answer than are allowed";
                Err(exchange_error(SendError::new(Cause::HttpProtocolError, Phase::Head, detail), None))
            }
            Err(_) => {
                let detail = format!("no head within {within:?}");
                Err(exchange_error(SendError::new(Cause::HttpResponseTimeout, Phase::Head, detail), None))
            }
        }
    }

    async fn send(&mut self, mut request: Request<RequestBody>) -> Result<Response<Incoming>, Box<ExchangeError>> {
        let failed = |mut error: hyper::client::conn::TrySendError<Request<RequestBody>>| {
            let unsent = error.take_message();
            exchange_error(SendError::hyper(error.error(), Phase::Head), unsent)
        };
        self.wake().await;
        match &mut self.handle {
            Handle::Hibernating(_) => {
                let detail = "the connection was closed while it was idle";
                let error = SendError::new(Cause::ConnectionTerminated, Phase::Head, detail);
                Err(exchange_error(error, Some(request)))
            }
            Handle::Http1(send) => {
                let request = match &self.open.proxy {
                    Some(proxy) => for_proxy(request, proxy),
                    None => in_origin_form(request)?,
                };
                send.try_send_request(request).await.map_err(failed)
            }
            Handle::Http2(send) => {
                // HTTP/2 has `:authority` in its place.
                request.headers_mut().remove(HOST);
                send.try_send_request(request).await.map_err(failed)
            }
        }
    }

    /// Wakes a connection that hibernates, unless it has ended.
    async fn wake(&mut self) {
        if let Handle::Hibernating(wake_up) = &mut self.handle
            && let Some(wake_up) = wake_up.take()
            && let Some(send) = wake(wake_up).await
        {
            self.handle = Handle::Http1(send);
        }
    }

    /// Corrects what hyper does not distinguish: a failure of TLS, and a content-length that is too large in a head that is not.
    fn refine(&self, mut exchange_error: Box<ExchangeError>) -> Box<ExchangeError> {
        let error = &mut exchange_error.error;
        if let Some(tls) = self.tls_error() {
            *error = SendError { repeat: error.repeat, ..SendError::tls(tls, Phase::Tls) };
        } else if error.cause == Cause::HttpResponseHeaderSectionSize
            && !self.open.activity.is_large_head(self.open.limits)
        {
            let detail = "the content-length is too large to be a number of bytes";
            *error = SendError::new(Cause::HttpProtocolError, Phase::Head, detail);
        }
        exchange_error
    }
}

fn exchange_error(error: SendError, unsent: Option<Request<RequestBody>>) -> Box<ExchangeError> {
    Box::new(ExchangeError { error, unsent })
}

/// A request to a proxy keeps the whole URL as its target (RFC 9112, section 3.2.2).
fn for_proxy(mut request: Request<RequestBody>, proxy: &Proxy) -> Request<RequestBody> {
    if let Some(authorization) = proxy.authorization() {
        request.headers_mut().insert(PROXY_AUTHORIZATION, authorization.clone());
    }
    request
}

/// Rewrites the request target to origin form (RFC 9112, section 3.2.1).
fn in_origin_form(mut request: Request<RequestBody>) -> Result<Request<RequestBody>, Box<ExchangeError>> {
    let target = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let target = if target.starts_with('?') { format!("/{target}") } else { target.to_owned() };
    let invalid_target = |_| {
        let error =
            SendError::new(Cause::HttpRequestUriInvalid, Phase::Request, "the path is not a valid request target");
        exchange_error(error, None)
    };
    *request.uri_mut() = target.parse::<Uri>().map_err(invalid_target)?;
    Ok(request)
}
