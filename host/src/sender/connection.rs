//! One open connection, HTTP/1.1 or HTTP/2.

use super::account::Account;
use super::error::SendError;
use super::slots::Slot;
use super::transport::Payer;
use super::{Origin, PoolLimits};
use fantail_engine::{Cause, Phase};
use http::header::HOST;
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
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
    payer: Payer,
    _slot: Slot,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Why an exchange failed.
pub(crate) struct Unanswered {
    pub(crate) error: SendError,
    /// The request, if nothing of it was sent.
    pub(crate) unsent: Option<Request<WasiBody>>,
}

impl Connection {
    /// Begins to speak over what has just been opened.
    pub(crate) async fn start<T>(
        io: T,
        origin: Origin,
        http2: bool,
        (payer, slot): (Payer, Slot),
        limits: PoolLimits,
    ) -> Result<Self, SendError>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let failed = |error: hyper::Error| SendError::hyper(&error, Phase::Connect);
        // What goes wrong with a driver is told to the requests that are under way.
        let (protocol, driver) = if http2 {
            let head = u32::try_from(limits.head_bytes).unwrap_or(u32::MAX);
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder.timer(TokioTimer::new()).max_header_list_size(head).adaptive_window(true);
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
        let open = Arc::new(Open { driver, payer, _slot: slot });
        Ok(Self { origin, protocol, open, most_informational: limits.informational, last: false })
    }

    /// Another handle of the same connection, if it takes several requests at a time.
    pub(crate) fn share(&self) -> Option<Self> {
        let Protocol::Http2(sender) = &self.protocol else { return None };
        let (protocol, open) = (Protocol::Http2(sender.clone()), Arc::clone(&self.open));
        let (origin, most_informational) = (self.origin.clone(), self.most_informational);
        Some(Self { origin, protocol, open, most_informational, last: false })
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
                match sender.ready().await {
                    Ok(()) => sender.try_send_request(request).await.map_err(failed),
                    Err(error) => Err(closed(error, request)),
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
