//! The connections to one origin, and the requests that wait for one.

use super::effects::Effects;
use super::idle::Idle;
use super::lease::Grant;
use crate::connection::Connection;
use crate::limits::PoolLimits;
use fantail_engine::Protocol;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// An open connection, or a new one if none is available.
    Any,
    /// The same, without waiting until another request has found out the origin's protocol.
    Immediate,
    /// A new connection.
    New,
    /// A stream of a shared connection: a new connection could not be opened.
    Stream,
}

/// What a request is offered. A handle of a shared connection stands for one stream, which counts as in use.
pub(super) enum Offer {
    Use(Connection),
    Open,
}

/// How long no further shared connection is opened after one could not be.
const REOPEN_DELAY: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct OriginPool {
    /// Whether its protocol has to be found out, or shared connections are expected.
    may_be_http2: bool,
    /// The protocol of the last connection. With TLS it is unknown before the first handshake; without, it is HTTP/1.1, or HTTP/2 by prior knowledge.
    protocol: Option<Protocol>,
    /// Idle HTTP/1.1 connections. The one that became idle last is at the end.
    idle: VecDeque<IdleConnection>,
    /// HTTP/2 connections.
    shared: Vec<Shared>,
    /// How many connections are being opened.
    opening: usize,
    /// How many of the waiting requests may open a connection for themselves, after the one opened for all has failed.
    individual_opens: usize,
    reopen_not_before: Option<Instant>,
    waiting: VecDeque<(oneshot::Sender<Grant>, Want)>,
}

struct IdleConnection {
    idle_key: u64,
    connection: Connection,
    /// Its driver has not been polled since the connection was returned, and is about to be.
    awaits_poll: bool,
}

struct Shared {
    connection: Connection,
    in_use: usize,
    /// How many streams the peer allows. Until its settings arrive, one request may be sent.
    max_streams: Option<usize>,
    /// Its key in [`Idle`], while it is idle.
    idle_key: Option<u64>,
    retired: bool,
}

impl Shared {
    fn has_free_stream(&self) -> bool {
        !self.retired && self.in_use < self.max_streams.unwrap_or(1) && self.connection.is_open()
    }
}

impl OriginPool {
    pub(super) fn new(may_be_http2: bool) -> Self {
        Self { may_be_http2, ..Self::default() }
    }

    /// Whether no request waits.
    pub(super) fn has_no_waiters(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether there are neither connections nor waiting requests.
    pub(super) fn is_empty(&self) -> bool {
        self.idle.is_empty() && self.shared.is_empty() && self.opening == 0 && self.waiting.is_empty()
    }

    /// Whether the protocol is known. It would have to be found out again if this were dropped.
    pub(super) fn knows_protocol(&self) -> bool {
        self.protocol.is_some()
    }

    /// Whether there is a shared connection that accepts requests, now or when streams have ended.
    pub(super) fn has_shared(&self) -> bool {
        self.usable_shared().next().is_some()
    }

    fn usable_shared(&self) -> impl Iterator<Item = &Shared> {
        self.shared.iter().filter(|shared| !shared.retired && shared.connection.is_open())
    }

    pub(super) fn wait(&mut self, grant: oneshot::Sender<Grant>, want: Want) {
        if self.waiting.len() == self.waiting.capacity() {
            // Before the queue grows: drop the requests that have been cancelled.
            self.waiting.retain(|(grant, _)| !grant.is_closed());
        }
        self.waiting.push_back((grant, want));
    }

    /// What is available for the first waiting request, and its channel.
    pub(super) fn serve(
        &mut self,
        limits: &PoolLimits,
        idle: &mut Idle,
        effects: &mut Effects,
    ) -> Option<(Offer, oneshot::Sender<Grant>)> {
        loop {
            let (grant, want) = self.waiting.front()?;
            if !grant.is_closed() {
                let want = *want;
                let offer = self.offer(self.waiting.len(), want, limits, idle, effects)?;
                return self.waiting.pop_front().map(|(grant, _)| (offer, grant));
            }
            self.waiting.pop_front();
        }
    }

    /// What is available for a request. `waiting` is how many requests wait, itself included.
    pub(super) fn offer(
        &mut self,
        waiting: usize,
        want: Want,
        limits: &PoolLimits,
        idle: &mut Idle,
        effects: &mut Effects,
    ) -> Option<Offer> {
        if want != Want::New
            && let Some(open) = self.take_idle(idle, effects).or_else(|| self.take_stream(idle))
        {
            return Some(Offer::Use(open));
        }
        let opens = match want {
            Want::Immediate | Want::New => true,
            Want::Stream => !self.has_shared(),
            Want::Any => self.may_open(waiting, limits),
        };
        opens.then(|| {
            self.opening += 1;
            Offer::Open
        })
    }

    fn take_idle(&mut self, idle: &mut Idle, effects: &mut Effects) -> Option<Connection> {
        for at in (0..self.idle.len()).rev() {
            let connection = &self.idle.get(at)?.connection;
            let (open, ready) = (connection.is_open(), connection.is_ready());
            if !open || ready {
                let IdleConnection { idle_key, connection, .. } = self.idle.remove(at)?;
                idle.remove(&idle_key);
                if open {
                    return Some(connection);
                }
                effects.close(connection);
            }
        }
        None
    }

    /// A stream of the connection with the most streams in use, so that the others may become idle.
    fn take_stream(&mut self, idle: &mut Idle) -> Option<Connection> {
        let free = self.shared.iter_mut().filter(|shared| shared.has_free_stream());
        let shared = free.max_by_key(|shared| shared.in_use)?;
        let handle = shared.connection.share()?;
        shared.in_use += 1;
        if let Some(idle_key) = shared.idle_key.take() {
            idle.remove(&idle_key);
        }
        Some(handle)
    }

    /// Whether another connection may be opened for this many waiting requests.
    fn may_open(&mut self, waiting: usize, limits: &PoolLimits) -> bool {
        if self.individual_opens > 0 {
            self.individual_opens -= 1;
            return true;
        }
        if self.has_shared() {
            let full = self.shared.len() + self.opening >= limits.max_open_per_origin;
            let paused = self.reopen_not_before.is_some_and(|at| Instant::now() < at);
            // The streams that each connection being opened will probably have. None if a peer's settings are still to arrive.
            let streams = self.usable_shared().map(|shared| shared.max_streams).min().flatten();
            return !full && !paused && streams.is_some_and(|streams| self.opening.saturating_mul(streams) < waiting);
        }
        match self.protocol {
            // Each request needs its own, except those served by connections that are about to be ready.
            Some(Protocol::Http1) => self.idle.iter().filter(|idle| idle.awaits_poll).count() < waiting,
            None if !self.may_be_http2 => true,
            // The first request finds out the protocol, and the others wait for it.
            Some(Protocol::Http2) | None => self.opening == 0,
        }
    }

    /// A connection has been opened. Returns a handle for the request that opened it.
    pub(super) fn opened(&mut self, connection: Connection) -> Connection {
        (self.opening, self.individual_opens) = (self.opening.saturating_sub(1), 0);
        self.protocol = Some(connection.protocol());
        let Some(handle) = connection.share() else { return connection };
        self.shared.push(Shared { connection, in_use: 1, max_streams: None, idle_key: None, retired: false });
        handle
    }

    /// A connection was not opened. If that `failed`, the waiting requests need not wait for it any longer.
    pub(super) fn not_opened(&mut self, failed: bool) {
        self.opening = self.opening.saturating_sub(1);
        if failed && self.has_shared() {
            self.reopen_not_before = Some(Instant::now() + REOPEN_DELAY);
        } else if failed {
            self.individual_opens = self.waiting.len();
        }
    }

    pub(super) fn max_streams_changed(&mut self, id: u64, streams: usize) {
        if let Some(shared) = self.find(id) {
            shared.max_streams = Some(streams);
        }
    }

    pub(super) fn retire(&mut self, id: u64) {
        if let Some(shared) = self.find(id) {
            shared.retired = true;
        }
    }

    /// A stream has ended. Returns whether the connection is idle now. One that is retired or broken is closed with its last stream.
    pub(super) fn release(&mut self, id: u64, idle_key: u64, effects: &mut Effects) -> bool {
        let Some(shared) = self.find(id) else { return false };
        shared.in_use = shared.in_use.saturating_sub(1);
        if shared.in_use > 0 {
            return false;
        }
        let kept = !shared.retired && shared.connection.is_open();
        if kept {
            shared.idle_key = Some(idle_key);
        } else {
            self.remove_shared(id).into_iter().for_each(|shared| effects.close(shared.connection));
        }
        kept
    }

    /// Keeps an idle HTTP/1.1 connection.
    pub(super) fn add_idle(&mut self, idle_key: u64, connection: Connection) {
        let awaits_poll = !connection.is_ready();
        if awaits_poll {
            connection.request_poll();
        }
        self.idle.push_back(IdleConnection { idle_key, connection, awaits_poll });
    }

    /// Lets an idle HTTP/1.1 connection hibernate.
    pub(super) fn hibernate(&mut self, idle_key: u64) {
        // They are in the order of their keys.
        let found = self.idle.binary_search_by_key(&idle_key, |idle_connection| idle_connection.idle_key);
        if let Some(idle_connection) = found.ok().and_then(|at| self.idle.get_mut(at)) {
            idle_connection.connection.hibernate();
        }
    }

    /// The driver of an idle connection has been polled. If the connection is not ready now, it waits for its peer, and no request
    /// should wait for it.
    pub(super) fn polled(&mut self, id: u64) {
        if let Some(idle_connection) =
            self.idle.iter_mut().find(|idle_connection| idle_connection.connection.id() == id)
        {
            idle_connection.awaits_poll = false;
            if !idle_connection.connection.is_ready() {
                idle_connection.connection.report_next_poll();
            }
        }
    }

    /// Removes a connection, whatever its state.
    pub(super) fn remove(&mut self, id: u64, idle: &mut Idle, effects: &mut Effects) {
        if let Some(at) = self.idle.iter().position(|idle_connection| idle_connection.connection.id() == id)
            && let Some(IdleConnection { idle_key, connection, .. }) = self.idle.remove(at)
        {
            idle.remove(&idle_key);
            effects.close(connection);
        }
        if let Some(Shared { connection, idle_key, .. }) = self.remove_shared(id) {
            idle_key.into_iter().for_each(|idle_key| drop(idle.remove(&idle_key)));
            effects.close(connection);
        }
    }

    fn find(&mut self, id: u64) -> Option<&mut Shared> {
        self.shared.iter_mut().find(|shared| shared.connection.id() == id)
    }

    fn remove_shared(&mut self, id: u64) -> Option<Shared> {
        let at = self.shared.iter().position(|shared| shared.connection.id() == id)?;
        Some(self.shared.swap_remove(at))
    }
}
