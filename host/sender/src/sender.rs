//! Sends a request: chooses its connection, and repeats it where that is safe.

use crate::account::Account;
use crate::body::ResponseBody;
use crate::connect::{Connector, SenderConfig};
use crate::connection::ExchangeError;
use crate::content_coding;
use crate::decoded::Decoded;
use crate::error::{Repeat, SendError};
use crate::events::Events;
use crate::framing::{self, Reuse};
use crate::limits::PoolLimits;
use crate::origin::Origin;
use crate::outgoing::RequestBody;
use crate::pool::{Checkout, ConnectPermit, Grant, Lease, Pool, Want};
use crate::received::Received;
use crate::record::Record;
use crate::timeouts::{RequestTimeouts, Timeouts};
use fantail_engine::{Cause, Phase, Protocol};
use http::header::HOST;
use http::response::Parts;
use http::{Request, Response};
use http_body::Body;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

/// The most reused connections that a request tries before a new one is opened for it.
const MAX_REUSED_TRIES: u32 = 3;

/// The longest time to wait for another request to find out an origin's protocol, which is also limited to a part of the connect timeout.
const MAX_PROTOCOL_WAIT: Duration = Duration::from_secs(1);

/// Sends requests over pooled connections. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Sender {
    shared: Arc<Shared>,
}

struct Shared {
    connector: Connector,
    pool: Arc<Pool>,
    timeouts: Timeouts,
    decompress: bool,
    opened: AtomicU64,
    reused: AtomicU64,
}

/// Counts of connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// Opened for a request.
    pub opened: u64,
    /// Requests sent over a connection that was already open.
    pub reused: u64,
    /// Open now without a request.
    pub idle: usize,
    /// Open now, or being opened.
    pub open: usize,
}

impl Connections {
    /// Together with those of another sender.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            opened: self.opened + other.opened,
            reused: self.reused + other.reused,
            idle: self.idle + other.idle,
            open: self.open + other.open,
        }
    }
}

/// What all tries of one request share.
struct SendContext<'a> {
    origin: Origin,
    timeouts: Timeouts,
    account: &'a Arc<Account>,
    events: &'a Events,
}

impl Sender {
    /// A sender without connections yet.
    pub fn new(config: SenderConfig, timeouts: Timeouts, limits: PoolLimits) -> Self {
        let pool = Arc::new(Pool::new(limits, config.http2_prior_knowledge));
        let decompress = config.decompress;
        let connector = Connector::new(config);
        let (opened, reused) = Default::default();
        Self { shared: Arc::new(Shared { connector, pool, timeouts, decompress, opened, reused }) }
    }

    /// The connections used so far, by all clients.
    pub fn connections(&self) -> Connections {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Shared { connector, pool, opened, reused, .. } = &*self.shared;
        Connections { opened: read(opened), reused: read(reused), idle: pool.idle(), open: connector.open() }
    }

    pub(crate) fn limits(&self) -> PoolLimits {
        self.shared.pool.limits()
    }

    pub(crate) async fn send(
        &self,
        mut request: Request<RequestBody>,
        requested: RequestTimeouts,
        account: &Arc<Account>,
        events: &Events,
        record: &mut Record,
    ) -> Result<Response<ResponseBody>, SendError> {
        let (origin, timeouts) = (Origin::of(request.uri())?, self.shared.timeouts.tightened_by(requested));
        self.shared.connector.admit(&origin)?;
        account.check(0)?;
        let context = SendContext { origin, timeouts, account, events };
        if self.shared.decompress {
            content_coding::accept(request.headers_mut());
        }
        let (uri, host) = (request.uri().clone(), request.headers().get(HOST).cloned());
        let (mut repeats, mut tried, mut shared) = (Repeats::default(), 0, false);
        loop {
            // Other idle connections may be closed as well. A shared one that broke is retired, and its requests share the next one.
            let want = if repeats.closed && !shared || tried > MAX_REUSED_TRIES { Want::New } else { Want::Any };
            let (lease, fresh) = self.lease(&context, want, record).await?;
            shared = lease.connection().protocol() == Protocol::Http2;
            // A request over a new HTTP/1.1 connection is never repeated.
            let spare = if fresh && !shared { None } else { clone_without_body(&request) };
            match self.exchange(lease, request, &context, fresh, record).await {
                Ok(response) => return Ok(response),
                // The peer closed the connection while it was idle, and none of the request was sent: try another one.
                Err(ExchangeError { unsent: Some(unsent), .. }) if !fresh => {
                    record.unsent();
                    tried += 1;
                    request = unsent;
                }
                Err(ExchangeError { error, unsent }) => {
                    if unsent.is_some() {
                        record.unsent();
                    }
                    match spare.filter(|spare| repeats.allows(&error, spare, fresh)) {
                        Some(spare) => request = spare,
                        None => return Err(error),
                    }
                }
            }
            // Undo the changes that were made for the protocol.
            *request.uri_mut() = uri.clone();
            if let Some(host) = &host {
                request.headers_mut().insert(HOST, host.clone());
            }
        }
    }

    /// Sends the request over this connection, and returns the response with as much of its body as has arrived.
    async fn exchange(
        &self,
        mut lease: Lease,
        request: Request<RequestBody>,
        context: &SendContext<'_>,
        fresh: bool,
        record: &mut Record,
    ) -> Result<Response<ResponseBody>, ExchangeError> {
        let connection = lease.connection_mut();
        if let Some(number) = record.sending(connection.remote(), connection.protocol(), !fresh) {
            context.events.sending(number);
        }
        let (reads_before, method) = (connection.reads(), request.method().clone());
        let result = connection.exchange(request, context.timeouts.head, context.account, record).await;
        let (mut head, incoming) = match result {
            Ok(response) => response.into_parts(),
            Err(failed) => {
                if failed.error.cause == Cause::HttpResponseTimeout {
                    lease.timed_out(reads_before);
                } else if matches!(failed.error.repeat, Repeat::GoAway | Repeat::IfReused) {
                    lease.retire();
                }
                return Err(*failed);
            }
        };
        let invalid_head = |error| ExchangeError { error, unsent: None };
        check_head(&head, self.limits().head_fields).map_err(invalid_head)?;
        if framing::normalize(&mut head, &method).map_err(invalid_head)? == Reuse::Forbidden {
            lease.connection_mut().forbid_reuse();
        }
        let coding = self.shared.decompress.then(|| content_coding::take(&mut head, &method)).flatten();
        record.write_facts(&mut head.headers);
        let (idle, account, facts) = (context.timeouts.idle, context.account, record.requested_facts());
        let mut body = Received::new(incoming, lease, idle, Arc::clone(account), facts);
        body.prefetch().await;
        let body = match coding {
            None => body.into(),
            Some(coding) => Decoded::new(body, coding, Arc::clone(account), facts).into(),
        };
        Ok(Response::from_parts(head, body))
    }

    /// A connection to send the request over, and whether it is new.
    async fn lease(
        &self,
        context: &SendContext<'_>,
        mut want: Want,
        record: &mut Record,
    ) -> Result<(Lease, bool), SendError> {
        let Shared { pool, reused, .. } = &*self.shared;
        loop {
            let grant = match pool.checkout(&context.origin, want) {
                Checkout::Granted(grant) => Some(grant),
                Checkout::Queued(granted) => {
                    let started = Instant::now();
                    let granted = self.wait(granted, context).await;
                    record.queued(started);
                    granted
                }
            };
            let permit = match grant {
                Some(Grant::Use(lease)) => {
                    reused.fetch_add(1, Ordering::Relaxed);
                    context.account.reused();
                    return Ok((lease, false));
                }
                Some(Grant::Open(permit)) => permit,
                None => {
                    want = Want::Immediate;
                    continue;
                }
            };
            // In a place of its own: what it needs while it connects is most of what a request would need, and few requests connect.
            match Box::pin(self.open(permit, context, record)).await {
                Ok(lease) => return Ok((lease, true)),
                // An additional connection could not be opened, so wait for a stream of the existing ones.
                Err(_) if want != Want::Stream && pool.has_shared(&context.origin) => want = Want::Stream,
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits in the queue. Returns none if another request takes too long to find out the origin's protocol, for example because the
    /// component that sends it does not poll it.
    async fn wait(&self, mut granted: oneshot::Receiver<Grant>, context: &SendContext<'_>) -> Option<Grant> {
        let limit = MAX_PROTOCOL_WAIT.min(context.timeouts.connect / 4);
        match timeout(limit, &mut granted).await {
            Ok(granted) => granted.ok(),
            // The protocol is known: this waits for a free stream.
            Err(_) if self.shared.pool.has_shared(&context.origin) => granted.await.ok(),
            Err(_) => None,
        }
    }

    async fn open(
        &self,
        permit: ConnectPermit,
        context: &SendContext<'_>,
        record: &mut Record,
    ) -> Result<Lease, SendError> {
        let Shared { connector, pool, opened, .. } = &*self.shared;
        match connector.connect(&context.origin, &context.timeouts, context.account, pool, record).await {
            Ok(connection) => {
                opened.fetch_add(1, Ordering::Relaxed);
                context.account.opened();
                Ok(permit.opened(connection))
            }
            Err(error) => {
                permit.failed();
                Err(error)
            }
        }
    }
}

/// The reasons for which a request has been repeated. Each allows one repetition.
#[derive(Default)]
struct Repeats {
    /// The peer said that it had not processed the request (RFC 9113, section 8.7).
    refused: bool,
    /// It was sent over a reused connection that was closed before an answer. Repeating a safe method does no harm even if the request
    /// arrived (RFC 9112, section 9.3.1).
    closed: bool,
}

impl Repeats {
    fn allows(&mut self, error: &SendError, request: &Request<RequestBody>, fresh: bool) -> bool {
        let used = match error.repeat {
            Repeat::Refused | Repeat::GoAway => &mut self.refused,
            Repeat::IfReused if !fresh && request.method().is_safe() => &mut self.closed,
            Repeat::IfReused | Repeat::Never => return false,
        };
        !std::mem::replace(used, true)
    }
}

fn check_head(head: &Parts, fields: usize) -> Result<(), SendError> {
    if head.headers.len() > fields {
        let detail = format!("more than {fields} header fields");
        return Err(SendError::new(Cause::HttpResponseHeaderSectionSize, Phase::Head, detail));
    }
    if head.status == http::StatusCode::SWITCHING_PROTOCOLS {
        let detail = "the peer switched protocols without being asked";
        return Err(SendError::new(Cause::HttpUpgradeFailed, Phase::Head, detail));
    }
    Ok(())
}

/// A copy of the request, if it has no body.
fn clone_without_body(request: &Request<RequestBody>) -> Option<Request<RequestBody>> {
    let empty = request.body().is_end_stream() || request.body().size_hint().exact() == Some(0);
    empty.then(|| {
        let mut clone = Request::new(RequestBody::Nothing);
        clone.method_mut().clone_from(request.method());
        clone.uri_mut().clone_from(request.uri());
        clone.headers_mut().clone_from(request.headers());
        clone
    })
}
