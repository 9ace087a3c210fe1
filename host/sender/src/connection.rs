//! One open connection, HTTP/1.1 or HTTP/2.

use crate::account::Account;
use crate::activity::{Activity, ActivityStream};
use crate::driver::{STREAMS_UNKNOWN, Signal, Tasks, drive_http1, drive_http2};
use crate::error::SendError;
use crate::limits::PoolLimits;
use crate::observer::Observer;
use crate::origin::Origin;
use crate::outgoing::RequestBody;
use crate::record::Record;
use crate::transport::BilledAccount;
use crate::watch::{TooManyInformational, Watched};
use fantail_engine::{Cause, Phase, Protocol};
use http::header::HOST;
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

/// An open connection. One of HTTP/1.1 takes one request at a time and is closed when it is dropped; one of HTTP/2 takes many, by
/// its clones, and is closed with the last of them.
pub(crate) struct Connection {
    handle: Handle,
    open: Arc<Open>,
    /// Nothing more is to be sent over it.
    last: bool,
}

enum Handle {
    Http1(http1::SendRequest<RequestBody>),
    Http2(http2::SendRequest<RequestBody>),
}

/// What lasts as long as the connection.
struct Open {
    id: u64,
    origin: Origin,
    remote: SocketAddr,
    driver: AbortHandle,
    /// Those of HTTP/2: one of them holds the socket.
    tasks: Tasks,
    signal: Arc<Signal>,
    heard: Arc<Activity>,
    payer: BilledAccount,
    limits: PoolLimits,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.driver.abort();
        self.tasks.abort();
    }
}

/// Where a new connection leads, and who is told what becomes of it.
pub(crate) struct NewConnection {
    pub(crate) origin: Origin,
    pub(crate) remote: SocketAddr,
    pub(crate) http2: bool,
    pub(crate) payer: BilledAccount,
    pub(crate) observer: Weak<dyn Observer>,
    pub(crate) id: u64,
}

/// Bytes of one body that HTTP/2 holds before they are read.
const STREAM_WINDOW: u32 = 256 << 10;

/// So many that it never binds.
const CONNECTION_WINDOW: u32 = i32::MAX.cast_unsigned();

/// Why an exchange failed.
pub(crate) struct Unanswered {
    pub(crate) error: SendError,
    /// The request, if nothing of it was sent.
    pub(crate) unsent: Option<Request<RequestBody>>,
}

impl Connection {
    /// Begins to speak over what has just been opened.
    pub(crate) async fn start<T>(io: T, opened: NewConnection, limits: PoolLimits) -> Result<Self, SendError>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let failed = |error: hyper::Error| SendError::hyper(&error, Phase::Connect);
        let (heard, signal) = (Arc::<Activity>::default(), Arc::<Signal>::default());
        let tasks = Tasks::new(Arc::clone(&signal));
        let NewConnection { origin, remote, http2, payer, observer, id } = opened;
        let io = TokioIo::new(ActivityStream { io, heard: Arc::clone(&heard) });
        // What goes wrong with a driver is told to the requests that are under way.
        let (handle, driver) = if http2 {
            let head = u32::try_from(limits.head_bytes).unwrap_or(u32::MAX);
            let mut builder = http2::Builder::new(tasks.clone());
            builder.timer(TokioTimer::new()).max_header_list_size(head).initial_max_send_streams(STREAMS_UNKNOWN);
            // Only its own window holds a body back: one that nobody reads must not stop the others.
            builder.initial_stream_window_size(STREAM_WINDOW).initial_connection_window_size(CONNECTION_WINDOW);
            // A server that does not answer for this long is gone, whatever its requests wait for.
            builder.keep_alive_interval(Duration::from_secs(15)).keep_alive_timeout(Duration::from_secs(15));
            let (send, connection) = builder.handshake(io).await.map_err(failed)?;
            let driver = drive_http2(connection, Arc::clone(&signal), observer, origin.clone(), id);
            (Handle::Http2(send), tokio::spawn(driver).abort_handle())
        } else {
            let mut builder = http1::Builder::new();
            builder.max_headers(limits.head_fields).max_header_size(limits.head_bytes);
            let (send, connection) = builder.handshake(io).await.map_err(failed)?;
            let driver = drive_http1(connection, Arc::clone(&signal), observer, origin.clone(), id);
            (Handle::Http1(send), tokio::spawn(driver).abort_handle())
        };
        let open = Open { id, origin, remote, driver, tasks, signal, heard, payer, limits };
        Ok(Self { handle, open: Arc::new(open), last: false })
    }

    pub(crate) fn id(&self) -> u64 {
        self.open.id
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.open.origin
    }

    pub(crate) fn remote(&self) -> SocketAddr {
        self.open.remote
    }

    pub(crate) fn protocol(&self) -> Protocol {
        match &self.handle {
            Handle::Http1(_) => Protocol::Http1,
            Handle::Http2(_) => Protocol::Http2,
        }
    }

    /// Another handle of the same connection, if it takes several requests at a time.
    pub(crate) fn share(&self) -> Option<Self> {
        let Handle::Http2(send) = &self.handle else { return None };
        Some(Self { handle: Handle::Http2(send.clone()), open: Arc::clone(&self.open), last: false })
    }

    /// Lets nothing more be sent over it, when this request is over.
    pub(crate) fn is_the_last(&mut self) {
        self.last = true;
    }

    /// Whether another request may be sent over it.
    pub(crate) fn is_open(&self) -> bool {
        match &self.handle {
            Handle::Http1(send) => !self.last && !send.is_closed(),
            Handle::Http2(send) => !send.is_closed(),
        }
    }

    /// Whether it is done with the request before: hyper may still have to note the end of a body, or to write the rest of a request's.
    pub(crate) fn is_ready(&self) -> bool {
        match &self.handle {
            Handle::Http1(send) => send.is_ready(),
            Handle::Http2(send) => send.is_ready(),
        }
    }

    /// Has the pool told when it has been looked at once more ([`Observer::settled`]).
    pub(crate) fn settle(&self) {
        self.open.signal.settle();
    }

    /// The same whenever something happens to it, without having it looked at for that.
    pub(crate) fn settle_later(&self) {
        self.open.signal.settle_later();
    }

    /// How many pieces have come over it.
    pub(crate) fn heard(&self) -> u64 {
        self.open.heard.pieces()
    }

    /// Whether it has answered a request.
    pub(crate) fn has_answered(&self) -> bool {
        self.open.heard.has_answered()
    }

    pub(crate) fn tls_error(&self) -> Option<&rustls::Error> {
        self.open.heard.tls_error()
    }

    /// Sends a request and waits for the head of its response.
    pub(crate) async fn exchange(
        &mut self,
        mut request: Request<RequestBody>,
        within: Duration,
        account: &Arc<Account>,
        record: &mut Record,
    ) -> Result<Response<Incoming>, Box<Unanswered>> {
        self.open.payer.is_now(account);
        self.open.heard.expect_head();
        let watch = Arc::clone(&record.watch);
        let informed = Arc::clone(&watch);
        hyper::ext::on_informational(&mut request, move |_| informed.informational());
        let answered = {
            let answer = pin!(self.send(request));
            timeout(within, Watched::new(&watch, answer)).await
        };
        match answered {
            Ok(Ok((Ok(response), at))) => {
                record.head(at);
                self.open.heard.head_arrived();
                Ok(response)
            }
            Ok(Ok((Err(unanswered), _))) => Err(self.explained(unanswered)),
            Ok(Err(TooManyInformational)) => {
                let detail = "more informational responses before the answer than are allowed";
                Err(unanswered(SendError::new(Cause::HttpProtocolError, Phase::Head, detail), None))
            }
            Err(_) => {
                let detail = format!("no head within {within:?}");
                Err(unanswered(SendError::new(Cause::HttpResponseTimeout, Phase::Head, detail), None))
            }
        }
    }

    async fn send(&mut self, mut request: Request<RequestBody>) -> Result<Response<Incoming>, Box<Unanswered>> {
        let failed = |mut error: hyper::client::conn::TrySendError<Request<RequestBody>>| {
            let unsent = error.take_message();
            unanswered(SendError::hyper(error.error(), Phase::Head), unsent)
        };
        match &mut self.handle {
            Handle::Http1(send) => send.try_send_request(in_origin_form(request)?).await.map_err(failed),
            Handle::Http2(send) => {
                // It goes into `:authority`.
                request.headers_mut().remove(HOST);
                send.try_send_request(request).await.map_err(failed)
            }
        }
    }

    /// What hyper does not say: that it was TLS that ended, and that a head is small and its length is what is too large.
    fn explained(&self, mut unanswered: Box<Unanswered>) -> Box<Unanswered> {
        let error = &mut unanswered.error;
        if let Some(tls) = self.tls_error() {
            *error = SendError { repeat: error.repeat, ..SendError::tls(tls, Phase::Tls) };
        } else if error.cause == Cause::HttpResponseHeaderSectionSize
            && !self.open.heard.is_large_head(self.open.limits)
        {
            let detail = "the content-length is no number of bytes that there can be";
            *error = SendError::new(Cause::HttpProtocolError, Phase::Head, detail);
        }
        unanswered
    }
}

fn unanswered(error: SendError, unsent: Option<Request<RequestBody>>) -> Box<Unanswered> {
    Box::new(Unanswered { error, unsent })
}

/// The request target as an origin server expects it (RFC 9112, section 3.2.1).
fn in_origin_form(mut request: Request<RequestBody>) -> Result<Request<RequestBody>, Box<Unanswered>> {
    let target = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let target = if target.starts_with('?') { format!("/{target}") } else { target.to_owned() };
    let not_a_target = |_| {
        let error = SendError::new(Cause::HttpRequestUriInvalid, Phase::Request, "the path is not a target");
        unanswered(error, None)
    };
    *request.uri_mut() = target.parse::<Uri>().map_err(not_a_target)?;
    Ok(request)
}
