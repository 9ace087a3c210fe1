//! The only way out: sends requests over pooled HTTP/1.1 connections that the egress policy has approved.

mod body;
mod connect;
mod diary;
mod error;
mod hooks;
mod pool;
mod resolve;
mod timeouts;
mod tls;

pub(crate) use diary::Diary;
pub(crate) use hooks::Hooks;
pub use pool::PoolLimits;
pub use resolve::{Resolve, ResolveError, SystemResolver};
pub use timeouts::Timeouts;
pub use tls::{TlsError, Trust};

use crate::egress::Egress;
use body::PooledBody;
use connect::Connector;
use error::SendError;
use fantail_engine::{Cause, Phase};
use http::{Request, Response, Uri};
use pool::{Connection, Pool, Unanswered};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use wasmtime_wasi_http::{RequestOptions, WasiBody};

/// Sends requests. Cheap to clone; clones share one pool.
#[derive(Clone)]
pub(crate) struct Sender {
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
}

impl Sender {
    pub(crate) fn new(
        egress: Egress,
        resolver: Arc<dyn Resolve>,
        trust: Trust,
        timeouts: Timeouts,
        limits: PoolLimits,
    ) -> Self {
        let connector = Connector::new(egress, resolver, trust, limits);
        let pool = Arc::new(Pool::new(limits));
        let (opened, reused) = Default::default();
        Self { shared: Arc::new(Shared { connector, pool, timeouts, opened, reused }) }
    }

    pub(crate) fn connections(&self) -> Connections {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Shared { pool, opened, reused, .. } = &*self.shared;
        Connections { opened: read(opened), reused: read(reused), idle: pool.idle() }
    }

    async fn send(
        &self,
        mut request: Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> Result<Response<PooledBody>, SendError> {
        let timeouts = self.shared.timeouts.tightened_by(options.unwrap_or_default());
        let origin = Origin::of(request.uri())?;
        self.shared.connector.admit(&origin)?;
        *request.uri_mut() = origin_form(request.uri())?;
        loop {
            let (mut connection, fresh) = self.connection(&origin, &timeouts).await?;
            match connection.exchange(request, timeouts.head).await {
                Ok(response) => {
                    let (pool, idle) = (Arc::clone(&self.shared.pool), timeouts.idle);
                    let (head, incoming) = response.into_parts();
                    let mut body = PooledBody::new(incoming, connection, pool, idle);
                    body.prefetch().await;
                    return Ok(Response::from_parts(head, body));
                }
                Err(unanswered) => match *unanswered {
                    // The peer closed the connection while it was idle, and the request is whole: another may be open.
                    Unanswered { unsent: Some(unsent), .. } if !fresh => request = unsent,
                    Unanswered { error, .. } => return Err(error),
                },
            }
        }
    }

    /// A connection, and whether it was opened just now.
    async fn connection(&self, origin: &Origin, timeouts: &Timeouts) -> Result<(Connection, bool), SendError> {
        if let Some(connection) = self.shared.pool.take(origin) {
            self.shared.reused.fetch_add(1, Ordering::Relaxed);
            return Ok((connection, false));
        }
        let connection = self.shared.connector.connect(origin, timeouts).await?;
        self.shared.opened.fetch_add(1, Ordering::Relaxed);
        Ok((connection, true))
    }
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

/// The request target as an origin server expects it (RFC 9112, section 3.2.1).
fn origin_form(uri: &Uri) -> Result<Uri, SendError> {
    let target = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let target = if target.starts_with('?') { format!("/{target}") } else { target.to_owned() };
    target.parse().map_err(|_| SendError::new(Cause::HttpRequestUriInvalid, Phase::Request, "the path is not a target"))
}
