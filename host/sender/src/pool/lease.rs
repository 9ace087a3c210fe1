//! What a request holds while it uses a connection, or opens one.

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

/// A connection of HTTP/1.1, or a stream of one of HTTP/2, for one request. One of HTTP/1.1 that is dropped is closed: what is under way
/// on it would be taken for the answer to another request. A stream that is dropped is free again.
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

    /// The response has ended: the connection may take the next request.
    pub(crate) fn finish(self) {
        let Self { connection, pool, _stream } = self;
        if connection.protocol() == Protocol::Http1 {
            pool.put(connection);
        }
    }

    /// The peer has not answered in time. `heard` is how much had come over the connection when the time began.
    ///
    /// A shared connection over which nothing came meanwhile, from a peer that had answered before, is likely to be dead: it gets no further
    /// request. One that has never answered was opened not long ago: its peer is slow, and would be over another connection too.
    pub(crate) fn timed_out(&self, heard: u64) {
        if self.connection.protocol() == Protocol::Http2
            && self.connection.heard() == heard
            && self.connection.has_answered()
        {
            self.retire();
        }
    }

    /// Lets a shared connection have no further request.
    pub(crate) fn retire(&self) {
        self.pool.retire(self.connection.origin(), self.connection.id());
    }
}

/// A stream of a shared connection that is in use.
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

/// The task of opening a connection. Dropped before it is done it goes to the next that waits.
pub(crate) struct ConnectPermit {
    pool: Arc<Pool>,
    origin: Origin,
    outcome: Outcome,
}

#[derive(PartialEq)]
enum Outcome {
    Dropped,
    Failed,
    NewConnection,
}

impl ConnectPermit {
    pub(super) fn new(pool: Arc<Pool>, origin: Origin) -> Self {
        Self { pool, origin, outcome: Outcome::Dropped }
    }

    /// It is open, and the caller is the first to use it.
    pub(crate) fn opened(mut self, connection: Connection) -> Lease {
        self.outcome = Outcome::NewConnection;
        self.pool.opened(connection)
    }

    /// It could not be opened.
    pub(crate) fn failed(mut self) {
        self.outcome = Outcome::Failed;
    }
}

impl Drop for ConnectPermit {
    fn drop(&mut self) {
        if self.outcome != Outcome::NewConnection {
            self.pool.not_opened(&self.origin, self.outcome == Outcome::Failed);
        }
    }
}
