//! Sends a request: chooses its connection, and sends it once more where that does no harm.

use crate::account::Account;
use crate::body::{Received, ResponseBody};
use crate::connect::{Connector, SenderConfig};
use crate::connection::Unanswered;
use crate::error::{Repeat, SendError};
use crate::events::Events;
use crate::framing::{self, Reuse};
use crate::limits::PoolLimits;
use crate::origin::Origin;
use crate::outgoing::RequestBody;
use crate::pool::{Checkout, ConnectPermit, Grant, Lease, Pool, Want};
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

/// Kept connections that a request tries before it gets one of its own.
const MOST_KEPT: u32 = 3;

/// How long to wait for whoever finds out which protocol an origin speaks, at most; and no more than a part of the time to connect.
const PATIENCE: Duration = Duration::from_secs(1);

/// Holds connections, and sends requests over them. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Sender {
    shared: Arc<Shared>,
}

struct Shared {
    connector: Connector,
    pool: Arc<Pool>,
    timeouts: Timeouts,
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

/// For whom a request is sent, and how long its steps may take.
struct SendContext<'a> {
    origin: Origin,
    timeouts: Timeouts,
    account: &'a Arc<Account>,
    events: &'a Events,
}

impl Sender {
    /// A sender without connections yet.
    pub fn new(ways: SenderConfig, timeouts: Timeouts, limits: PoolLimits) -> Self {
        let (connector, pool) = (Connector::new(ways), Arc::new(Pool::new(limits)));
        let (opened, reused) = Default::default();
        Self { shared: Arc::new(Shared { connector, pool, timeouts, opened, reused }) }
    }

    /// Connections used so far, by all clients.
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
        asked: RequestTimeouts,
        account: &Arc<Account>,
        events: &Events,
        record: &mut Record,
    ) -> Result<Response<ResponseBody>, SendError> {
        let (origin, timeouts) = (Origin::of(request.uri())?, self.shared.timeouts.tightened_by(asked));
        self.shared.connector.admit(&origin)?;
        account.check(0)?;
        let terms = SendContext { origin, timeouts, account, events };
        let (uri, host) = (request.uri().clone(), request.headers().get(HOST).cloned());
        let (mut again, mut tried, mut shared) = (Repeats::default(), 0, false);
        loop {
            // Other kept connections may be closed as well. A shared one that broke is retired, and those who shared it share the next.
            let want = if again.closed && !shared || tried > MOST_KEPT { Want::Fresh } else { Want::Any };
            let (lease, fresh) = self.lease(&terms, want, record).await?;
            shared = lease.connection().protocol() == Protocol::Http2;
            // Over a new connection of HTTP/1.1 there is no reason to send it again.
            let spare = if fresh && !shared { None } else { replica(&request) };
            match self.exchange(lease, request, &terms, fresh, record).await {
                Ok(response) => return Ok(response),
                // The peer closed the connection while it was idle, and the request is whole: another may be open.
                Err(Unanswered { unsent: Some(unsent), .. }) if !fresh => {
                    record.unsent();
                    tried += 1;
                    request = unsent;
                }
                Err(Unanswered { error, unsent }) => {
                    if unsent.is_some() {
                        record.unsent();
                    }
                    match spare.filter(|spare| again.allows(&error, spare, fresh)) {
                        Some(spare) => request = spare,
                        None => return Err(error),
                    }
                }
            }
            // As it was before it was made to fit a protocol.
            *request.uri_mut() = uri.clone();
            if let Some(host) = &host {
                request.headers_mut().insert(HOST, host.clone());
            }
        }
    }

    /// Sends the request over this connection, and gives the response with as much of its body as is there.
    async fn exchange(
        &self,
        mut lease: Lease,
        request: Request<RequestBody>,
        terms: &SendContext<'_>,
        fresh: bool,
        record: &mut Record,
    ) -> Result<Response<ResponseBody>, Unanswered> {
        let connection = lease.connection_mut();
        if let Some(number) = record.sending(connection.remote(), connection.protocol(), !fresh) {
            terms.events.sending(number);
        }
        let (heard, method) = (connection.heard(), request.method().clone());
        let exchanged = connection.exchange(request, terms.timeouts.head, terms.account, record).await;
        let (mut head, incoming) = match exchanged {
            Ok(response) => response.into_parts(),
            Err(unanswered) => {
                if unanswered.error.cause == Cause::HttpResponseTimeout {
                    lease.timed_out(heard);
                } else if matches!(unanswered.error.repeat, Repeat::Elsewhere | Repeat::IfKept) {
                    lease.retire();
                }
                return Err(*unanswered);
            }
        };
        let whole = |error| Unanswered { error, unsent: None };
        check_head(&head, self.limits().head_fields).map_err(whole)?;
        if framing::settle(&mut head, &method).map_err(whole)? == Reuse::Forbidden {
            lease.connection_mut().is_the_last();
        }
        record.write(&mut head.headers);
        let (idle, account) = (terms.timeouts.idle, Arc::clone(terms.account));
        let mut body = Received::new(incoming, lease, idle, account, record.told());
        body.prefetch().await;
        Ok(Response::from_parts(head, body.into()))
    }

    /// A connection to send over, and whether it was opened just now.
    async fn lease(
        &self,
        terms: &SendContext<'_>,
        mut want: Want,
        record: &mut Record,
    ) -> Result<(Lease, bool), SendError> {
        let Shared { pool, reused, .. } = &*self.shared;
        loop {
            let grant = match pool.ask(&terms.origin, want) {
                Checkout::Granted(grant) => Some(grant),
                Checkout::Waits(granted) => {
                    let begun = Instant::now();
                    let granted = self.wait(granted, terms).await;
                    record.queued(begun);
                    granted
                }
            };
            let opening = match grant {
                Some(Grant::Use(lease)) => {
                    reused.fetch_add(1, Ordering::Relaxed);
                    terms.account.reused();
                    return Ok((lease, false));
                }
                Some(Grant::Open(opening)) => opening,
                None => {
                    want = Want::Own;
                    continue;
                }
            };
            match self.open(opening, terms, record).await {
                Ok(lease) => return Ok((lease, true)),
                // It was to be one more, and there are others.
                Err(_) if want != Want::Join && pool.shares(&terms.origin) => want = Want::Join,
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits for its turn. None if it is not to wait any longer for whoever finds out what the origin speaks, who may be held up for example
    /// by a component that does not let it go on.
    async fn wait(&self, mut granted: oneshot::Receiver<Grant>, terms: &SendContext<'_>) -> Option<Grant> {
        let patience = PATIENCE.min(terms.timeouts.connect / 4);
        match timeout(patience, &mut granted).await {
            Ok(granted) => granted.ok(),
            // It is known, and streams are what is waited for.
            Err(_) if self.shared.pool.shares(&terms.origin) => granted.await.ok(),
            Err(_) => None,
        }
    }

    async fn open(
        &self,
        opening: ConnectPermit,
        terms: &SendContext<'_>,
        record: &mut Record,
    ) -> Result<Lease, SendError> {
        let Shared { connector, pool, opened, .. } = &*self.shared;
        match connector.connect(&terms.origin, &terms.timeouts, terms.account, pool, record).await {
            Ok(connection) => {
                opened.fetch_add(1, Ordering::Relaxed);
                terms.account.opened();
                Ok(opening.opened(connection))
            }
            Err(error) => {
                opening.failed();
                Err(error)
            }
        }
    }
}

/// For which reasons a request without a body has been sent once more, each of them once.
#[derive(Default)]
struct Repeats {
    /// The peer said that it had done nothing with it (RFC 9113, section 8.7).
    refused: bool,
    /// It was sent over a connection that had been kept open, and was closed before it came. A safe method does no harm if it came
    /// after all (RFC 9112, section 9.3.1).
    closed: bool,
}

impl Repeats {
    fn allows(&mut self, error: &SendError, request: &Request<RequestBody>, fresh: bool) -> bool {
        let used = match error.repeat {
            Repeat::Refused | Repeat::Elsewhere => &mut self.refused,
            Repeat::IfKept if !fresh && request.method().is_safe() => &mut self.closed,
            Repeat::IfKept | Repeat::Never => return false,
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
        let detail = "the peer switched protocols unasked";
        return Err(SendError::new(Cause::HttpUpgradeFailed, Phase::Head, detail));
    }
    Ok(())
}

/// The same request once more, if it has no body.
fn replica(request: &Request<RequestBody>) -> Option<Request<RequestBody>> {
    let empty = request.body().is_end_stream() || request.body().size_hint().exact() == Some(0);
    empty.then(|| {
        let mut replica = Request::new(RequestBody::Nothing);
        replica.method_mut().clone_from(request.method());
        replica.uri_mut().clone_from(request.uri());
        replica.headers_mut().clone_from(request.headers());
        replica
    })
}
