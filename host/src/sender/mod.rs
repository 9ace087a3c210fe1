//! The only way out: sends requests over pooled connections that the egress policy has approved.

mod account;
mod body;
mod connect;
mod connection;
mod diary;
mod error;
mod hooks;
mod pool;
mod resolve;
mod scouts;
mod slots;
mod timeouts;
mod tls;
mod transport;
mod upload;

pub(crate) use account::{Account, Allowance, Used};
pub(crate) use connect::Ways;
pub(crate) use diary::Diary;
pub(crate) use hooks::Hooks;
pub use pool::PoolLimits;
pub use resolve::{Resolve, ResolveError, SystemResolver};
pub use timeouts::Timeouts;
pub(crate) use tls::TlsSettings;
pub use tls::{Identity, TlsError, Trust};
pub use transport::{Connect, TcpConnector, Transport};

use body::PooledBody;
use connect::Connector;
use connection::{Connection, Unanswered};
use error::{Repeat, SendError};
use fantail_engine::{Cause, Phase};
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{Method, Request, Response, Uri};
use http_body::Body;
use http_body_util::{BodyExt, Empty};
use pool::Pool;
use scouts::{Scouts, Version};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::timeout;
use wasmtime_wasi_http::{RequestOptions, WasiBody};

/// Kept connections that a request tries before it gets one of its own.
const MOST_KEPT: u32 = 3;

/// How long to wait for whoever finds out which protocol an origin speaks, at most; and no more than a part of the time to connect.
const PATIENCE: Duration = Duration::from_secs(1);

/// Sends requests. Cheap to clone; clones share one pool.
#[derive(Clone)]
pub(crate) struct Sender {
    shared: Arc<Shared>,
}

struct Shared {
    connector: Connector,
    pool: Arc<Pool>,
    scouts: Scouts,
    timeouts: Timeouts,
    /// Of a response, at most.
    head_fields: usize,
    opened: AtomicU64,
    reused: AtomicU64,
}

/// Connections used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// Opened for a request.
    pub opened: u64,
    /// Requests that found a connection open.
    pub reused: u64,
    /// Open now and waiting for a request.
    pub idle: usize,
    /// Open now, or being opened.
    pub open: usize,
}

impl Sender {
    pub(crate) fn new(ways: Ways, timeouts: Timeouts, limits: PoolLimits) -> Self {
        let (connector, pool) = (Connector::new(ways, limits), Arc::new(Pool::new(limits)));
        let (scouts, opened, reused) = Default::default();
        Self {
            shared: Arc::new(Shared {
                connector,
                pool,
                scouts,
                timeouts,
                head_fields: limits.head_fields,
                opened,
                reused,
            }),
        }
    }

    pub(crate) fn connections(&self) -> Connections {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Shared { connector, pool, opened, reused, .. } = &*self.shared;
        Connections { opened: read(opened), reused: read(reused), idle: pool.idle(), open: connector.open() }
    }

    async fn send(
        &self,
        mut request: Request<WasiBody>,
        options: Option<RequestOptions>,
        account: &Arc<Account>,
    ) -> Result<Response<PooledBody>, SendError> {
        let timeouts = self.shared.timeouts.tightened_by(options.unwrap_or_default());
        let (origin, uri) = (Origin::of(request.uri())?, request.uri().clone());
        self.shared.connector.admit(&origin)?;
        account.check(0)?;
        request = match sends_no_body(&request) {
            true => request.map(|_| nothing()),
            false => request.map(|body| upload::metered(body, account)),
        };
        let (mut again, host) = (Again::default(), request.headers().get(HOST).cloned());
        let mut tried = 0;
        loop {
            let (mut connection, fresh) =
                self.connection(&origin, &timeouts, account, again.closed || tried > MOST_KEPT).await?;
            // Over a new connection of HTTP/1.1 there is no reason to send it again.
            let spare = if fresh && !connection.is_shared() { None } else { replica(&request) };
            match connection.exchange(request, timeouts.head, account).await {
                Ok(response) => {
                    let (pool, idle) = (Arc::clone(&self.shared.pool), timeouts.idle);
                    let (head, incoming) = response.into_parts();
                    let connection = checked(&head, connection, self.shared.head_fields)?;
                    let mut body = PooledBody::new(incoming, connection, pool, idle, Arc::clone(account));
                    body.prefetch().await;
                    return Ok(Response::from_parts(head, body));
                }
                Err(unanswered) => match *unanswered {
                    // The peer closed the connection while it was idle, and the request is whole: another may be open.
                    Unanswered { unsent: Some(unsent), .. } if !fresh => {
                        tried += 1;
                        request = unsent;
                    }
                    Unanswered { error, .. } => {
                        if error.cause == Cause::HttpResponseTimeout {
                            self.shared.pool.forget(&connection);
                        }
                        match spare.filter(|spare| again.allows(&error, spare, fresh)) {
                            Some(spare) => request = spare,
                            None => return Err(error),
                        }
                    }
                },
            }
            // As it was before it was made to fit a protocol.
            *request.uri_mut() = uri.clone();
            if let Some(host) = &host {
                request.headers_mut().insert(HOST, host.clone());
            }
        }
    }

    /// A connection, and whether it was opened just now.
    async fn connection(
        &self,
        origin: &Origin,
        timeouts: &Timeouts,
        account: &Arc<Account>,
        only_fresh: bool,
    ) -> Result<(Connection, bool), SendError> {
        let Shared { connector, pool, scouts, .. } = &*self.shared;
        if !only_fresh && let Some(connection) = self.kept(origin, account) {
            return Ok((connection, false));
        }
        // Without TLS there is nothing to agree on.
        let scout = match origin.https {
            // Whoever goes first may fail, or be held up by a component that does not let it go on: then each goes for itself.
            true => timeout(PATIENCE.min(timeouts.connect / 4), scouts.go(origin)).await.unwrap_or_default(),
            false => None,
        };
        if !only_fresh
            && scout.is_some()
            && let Some(connection) = self.kept(origin, account)
        {
            return Ok((connection, false));
        }
        if connector.is_full() {
            pool.make_room();
            // Its socket closes with its task.
            for _ in 0..10 {
                if !connector.is_full() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        let connected = connector.connect(origin, timeouts, account).await;
        if let Some(scout) = scout {
            // After a failure there is nothing to wait for.
            let http2 = connected.as_ref().is_ok_and(Connection::is_shared);
            scout.found(if http2 { Version::Http2 } else { Version::Http1 });
        }
        let connection = connected?;
        self.shared.opened.fetch_add(1, Ordering::Relaxed);
        account.opened();
        pool.offer(&connection);
        Ok((connection, true))
    }

    fn kept(&self, origin: &Origin, account: &Account) -> Option<Connection> {
        let connection = self.shared.pool.take(origin)?;
        self.shared.reused.fetch_add(1, Ordering::Relaxed);
        account.reused();
        Some(connection)
    }
}

/// For which reasons a request without a body has been sent once more, each of them once.
#[derive(Default)]
struct Again {
    /// The peer said that it had done nothing with it (RFC 9113, section 8.7).
    refused: bool,
    /// It was sent over a connection that had been kept open, and was closed before it came. A safe method does no harm if it came
    /// after all (RFC 9112, section 9.3.1).
    closed: bool,
}

impl Again {
    fn allows(&mut self, error: &SendError, request: &Request<WasiBody>, fresh: bool) -> bool {
        let used = match error.repeat {
            Repeat::Refused => &mut self.refused,
            Repeat::IfKept if request.method().is_safe() && !fresh => &mut self.closed,
            Repeat::IfKept | Repeat::Never => return false,
        };
        !std::mem::replace(used, true)
    }
}

/// Whether a request is sent without a body: with these methods one has to be announced. Whether one will come of a component's
/// stream is not known before.
fn sends_no_body(request: &Request<WasiBody>) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD) && !request.headers().contains_key(CONTENT_LENGTH)
}

fn nothing() -> WasiBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// Checks what the head says of its connection.
fn checked(head: &http::response::Parts, connection: Connection, fields: usize) -> Result<Connection, SendError> {
    if head.headers.len() > fields {
        let detail = format!("more than {fields} header fields");
        return Err(SendError::new(Cause::HttpResponseHeaderSectionSize, Phase::Head, detail));
    }
    if head.status == http::StatusCode::SWITCHING_PROTOCOLS {
        let detail = "the peer switched protocols unasked";
        return Err(SendError::new(Cause::HttpUpgradeFailed, Phase::Head, detail));
    }
    // Whoever says both may mean either: what follows on this connection is not to be trusted (RFC 9112, section 6.3).
    let doubtful = head.headers.contains_key(TRANSFER_ENCODING) && head.headers.contains_key(CONTENT_LENGTH);
    Ok(if doubtful { connection.not_again() } else { connection })
}

/// The same request once more, if it has no body.
fn replica(request: &Request<WasiBody>) -> Option<Request<WasiBody>> {
    let empty = request.body().is_end_stream() || request.body().size_hint().exact() == Some(0);
    empty.then(|| {
        let mut replica = Request::new(nothing());
        replica.method_mut().clone_from(request.method());
        replica.uri_mut().clone_from(request.uri());
        replica.headers_mut().clone_from(request.headers());
        replica
    })
}

/// Where a connection leads: what has to be equal for a connection to be used again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    https: bool,
    authority: http::uri::Authority,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.https { "https" } else { "http" }, self.authority)
    }
}

impl Origin {
    fn of(uri: &Uri) -> Result<Self, SendError> {
        let https = uri.scheme() == Some(&http::uri::Scheme::HTTPS);
        let authority = uri.authority().cloned();
        let invalid = || SendError::new(Cause::HttpRequestUriInvalid, Phase::Request, "the URL has no host");
        Ok(Self { https, authority: authority.ok_or_else(invalid)? })
    }

    fn port(&self) -> u16 {
        self.authority.port_u16().unwrap_or(if self.https { 443 } else { 80 })
    }

    /// The host without the brackets of an IPv6 address.
    fn host(&self) -> &str {
        self.authority.host().trim_start_matches('[').trim_end_matches(']')
    }
}
