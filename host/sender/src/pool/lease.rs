//! What a request holds while it uses or opens a connection.

use super::Pool;
use crate::connection::Connection;
use crate::origin::Origin;
use fantail_engine::Protocol;
use std::sync::Arc;

/// What a request is granted.
pub(crate) enum Grant {
    Use(Lease),
    Open(ConnectPermit),
}

/// An HTTP/1.1 connection, or a stream of an HTTP/2 connection, for one request. Dropping a lease of an HTTP/1.1 connection closes it:
/// the rest of the answer would be taken for that to the next request. Dropping a lease of a stream frees the stream.
pub(crate) struct Lease {
    connection: Connection,
    pool: Arc<Pool>,
    _stream: Option<Stream>,
}

impl Lease {
    pub(super) fn new(pool: Arc<Pool>, connection: Connection) -> Self {
        let stream = || Stream { pool: Arc::clone(&pool), origin: connection.origin().clone(), id: connection.id() };
        let stream = (connection.protocol() == Protocol::Http2).then(stream);
        Self { connection, pool, _stream: stream }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(crate) fn connection_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// The response has ended: returns the connection to the pool.
    pub(crate) fn finish(self) {
        let Self { connection, pool, _stream } = self;
        if connection.protocol() == Protocol::Http1 {
            pool.check_in(connection);
        }
    }

    /// The peer has not answered in time. `reads_before` is the connection's number of reads when the timer started.
    ///
    /// A shared connection over which nothing was received since then, though its peer had answered before, is probably dead: it gets no
    /// further requests. One that has never answered was opened recently: its peer is slow, and would be slow over another one too.
    pub(crate) fn timed_out(&self, reads_before: u64) {
        if self.connection.protocol() == Protocol::Http2
            && self.connection.reads() == reads_before
            && self.connection.has_answered()
        {
            self.retire();
        }
    }

    /// Sends no further requests over a shared connection.
    pub(crate) fn retire(&self) {
        self.pool.retire(self.connection.origin(), self.connection.id());
    }
}

/// Counts one stream of a shared connection as in use until it is dropped.
struct Stream {
    pool: Arc<Pool>,
    origin: Origin,
    id: u64,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.pool.release(&self.origin, self.id);
    }
}

/// Permission, and duty, to open a connection. If it is dropped unused, it passes to the next request in the queue.
pub(crate) struct ConnectPermit {
    pool: Arc<Pool>,
    origin: Origin,
    outcome: Outcome,
}

#[derive(PartialEq)]
enum Outcome {
    Dropped,
    Failed,
    Opened,
}

impl ConnectPermit {
    pub(super) fn new(pool: Arc<Pool>, origin: Origin) -> Self {
        Self { pool, origin, outcome: Outcome::Dropped }
    }

    /// The connection is open, and leased to the caller first.
    pub(crate) fn opened(mut self, connection: Connection) -> Lease {
        self.outcome = Outcome::Opened;
        self.pool.opened(connection)
    }

    /// The connection could not be opened.
    pub(crate) fn failed(mut self) {
        self.outcome = Outcome::Failed;
    }
}

impl Drop for ConnectPermit {
    fn drop(&mut self) {
        if self.outcome != Outcome::Opened {
            self.pool.not_opened(&self.origin, self.outcome == Outcome::Failed);
        }
    }
}
