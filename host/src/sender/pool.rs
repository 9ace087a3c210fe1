//! Connections that wait for their next request.

use super::Origin;
use super::error::SendError;
use fantail_engine::{Cause, Phase};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use wasmtime_wasi_http::WasiBody;

/// What the pool and its connections may hold. Worst case: `max_idle` sockets, and `head_bytes` for each in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Connections kept open without a request, over all origins. Default 1,024.
    pub max_idle: usize,
    /// How long one is kept, looked at whenever one is taken or put back. Default 30 s: less than servers usually wait,
    /// so that few are found closed.
    pub max_age: Duration,
    /// Bytes of a response's head at most. Default 64 KiB.
    pub head_bytes: usize,
    /// Fields of a response's head at most. Default 128.
    pub head_fields: usize,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self { max_idle: 1_024, max_age: Duration::from_secs(30), head_bytes: 64 * 1024, head_fields: 128 }
    }
}

/// Open connections by origin, the one used last on top.
pub(crate) struct Pool {
    limits: PoolLimits,
    idle: Mutex<Idle>,
}

#[derive(Default)]
struct Idle {
    count: usize,
    /// When it was last rid of what is closed or too old.
    swept: Option<Instant>,
    by_origin: HashMap<Origin, Vec<(Connection, Instant)>>,
}

impl Pool {
    pub(crate) fn new(limits: PoolLimits) -> Self {
        Self { limits, idle: Mutex::default() }
    }

    /// A connection to `origin` that was open when last seen.
    pub(crate) fn take(&self, origin: &Origin) -> Option<Connection> {
        let mut idle = self.lock();
        let stack = idle.by_origin.get_mut(origin)?;
        let (mut dead, mut found) = (0, None);
        while let Some((connection, since)) = stack.pop() {
            dead += 1;
            if since.elapsed() > self.limits.max_age {
                // Those below are older still.
                dead += stack.len();
                stack.clear();
            } else if connection.is_open() {
                found = Some(connection);
                break;
            }
        }
        if stack.is_empty() {
            idle.by_origin.remove(origin);
        }
        idle.count -= dead;
        found
    }

    /// Takes back a connection whose response has ended; closes it if there are enough.
    pub(crate) fn put(&self, connection: Connection) {
        let mut idle = self.lock();
        if !connection.is_open() {
            return;
        }
        if idle.count >= self.limits.max_idle || idle.swept.is_none_or(|swept| swept.elapsed() > self.limits.max_age) {
            idle.sweep(self.limits.max_age);
        }
        if idle.count >= self.limits.max_idle {
            idle.drop_one();
        }
        idle.count += 1;
        idle.by_origin.entry(connection.origin.clone()).or_default().push((connection, Instant::now()));
    }

    pub(crate) fn idle(&self) -> usize {
        self.lock().count
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        // Nothing in here panics half-way through a change.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Idle {
    /// Drops what is closed or too old.
    fn sweep(&mut self, max_age: Duration) {
        self.by_origin.retain(|_, stack| {
            stack.retain(|(connection, since)| connection.is_open() && since.elapsed() <= max_age);
            !stack.is_empty()
        });
        self.count = self.by_origin.values().map(Vec::len).sum();
        self.swept = Some(Instant::now());
    }

    /// Makes room for a connection that was used just now: the oldest of some origin goes.
    fn drop_one(&mut self) {
        let Some(origin) = self.by_origin.keys().next().cloned() else { return };
        if let Some(stack) = self.by_origin.get_mut(&origin) {
            drop(stack.drain(..1));
            if stack.is_empty() {
                self.by_origin.remove(&origin);
            }
            self.count -= 1;
        }
    }
}

/// One HTTP/1.1 connection, for one request at a time. Dropping it closes it.
pub(crate) struct Connection {
    origin: Origin,
    sender: http1::SendRequest<WasiBody>,
    driver: AbortHandle,
}

impl Drop for Connection {
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
    pub(crate) async fn start<T>(io: T, origin: Origin, limits: PoolLimits) -> Result<Self, SendError>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let handshake = http1::Builder::new()
            .max_headers(limits.head_fields)
            .max_header_size(limits.head_bytes)
            .handshake(TokioIo::new(io))
            .await;
        let (sender, connection) = handshake.map_err(|error| SendError::hyper(&error, Phase::Connect))?;
        // What goes wrong here is told to the request that is under way.
        let driver = tokio::spawn(async move { drop(connection.await) }).abort_handle();
        Ok(Self { origin, sender, driver })
    }

    fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Sends a request and waits for the head of its response.
    pub(crate) async fn exchange(
        &mut self,
        request: Request<WasiBody>,
        within: Duration,
    ) -> Result<Response<Incoming>, Box<Unanswered>> {
        let answered = timeout(within, async {
            // A connection from the pool may still be busy with the last bytes of the exchange before.
            if let Err(error) = self.sender.ready().await {
                return Err(unanswered(SendError::hyper(&error, Phase::Head), Some(request)));
            }
            self.sender.try_send_request(request).await.map_err(|mut error| {
                let unsent = error.take_message();
                unanswered(SendError::hyper(error.error(), Phase::Head), unsent)
            })
        });
        answered.await.unwrap_or_else(|_| {
            let detail = format!("no head within {within:?}");
            Err(unanswered(SendError::new(Cause::HttpResponseTimeout, Phase::Head, detail), None))
        })
    }
}

fn unanswered(error: SendError, unsent: Option<Request<WasiBody>>) -> Box<Unanswered> {
    Box::new(Unanswered { error, unsent })
}
