//! One origin: its connections, who opens one, and who waits.

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

/// What a request will take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// A connection that is open, or one of its own if none will do.
    Any,
    /// The same, without waiting for whoever finds out what the origin speaks.
    Own,
    /// A new connection.
    Fresh,
    /// A stream of a shared connection: one of its own could not be opened.
    Join,
}

/// What a request is offered. A connection that several share is a handle for one of its streams, which counts as in use.
pub(super) enum Offer {
    Use(Connection),
    Open,
}

/// After another shared connection could not be opened, it is not tried again for so long.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct OriginPool {
    https: bool,
    /// What was spoken last. Without TLS there is nothing to agree on, and with it nothing is known before the handshake.
    speaks: Option<Protocol>,
    /// Of HTTP/1.1, each with its turn in [`Idle`]; the one that became idle last is at the end.
    idle: VecDeque<Parked>,
    /// Of HTTP/2.
    shared: Vec<Shared>,
    /// How many connections are being opened.
    opening: usize,
    /// How many of those that wait may open one for themselves: one that was opened for all has failed.
    each: usize,
    not_before: Option<Instant>,
    waiting: VecDeque<(oneshot::Sender<Grant>, Want)>,
}

struct Parked {
    turn: u64,
    connection: Connection,
    /// Its driver has not yet looked at it since it was given back, and is about to.
    settles: bool,
}

struct Shared {
    connection: Connection,
    in_use: usize,
    /// How many streams the peer takes. One request may be sent before it has said so.
    streams: Option<usize>,
    /// Its turn in [`Idle`].
    turn: Option<u64>,
    retired: bool,
}

impl Shared {
    fn takes_more(&self) -> bool {
        !self.retired && self.in_use < self.streams.unwrap_or(1) && self.connection.is_open()
    }
}

impl OriginPool {
    pub(super) fn new(https: bool) -> Self {
        Self { https, ..Self::default() }
    }

    /// Whether nobody waits.
    pub(super) fn is_unwanted(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.idle.is_empty() && self.shared.is_empty() && self.opening == 0 && self.waiting.is_empty()
    }

    /// Whether it is known what is spoken, which would have to be found out again.
    pub(super) fn knows(&self) -> bool {
        self.speaks.is_some()
    }

    /// Whether there is a shared connection that takes requests, now or when others have ended.
    pub(super) fn has_shared(&self) -> bool {
        self.live().next().is_some()
    }

    fn live(&self) -> impl Iterator<Item = &Shared> {
        self.shared.iter().filter(|shared| !shared.retired && shared.connection.is_open())
    }

    pub(super) fn wait(&mut self, grant: oneshot::Sender<Grant>, want: Want) {
        if self.waiting.len() == self.waiting.capacity() {
            // Before there is more memory for it: those who have left need none.
            self.waiting.retain(|(grant, _)| !grant.is_closed());
        }
        self.waiting.push_back((grant, want));
    }

    /// What there is for the first that waits, and who that is.
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

    /// What there is for a request, with so many waiting, itself included.
    pub(super) fn offer(
        &mut self,
        waiting: usize,
        want: Want,
        limits: &PoolLimits,
        idle: &mut Idle,
        effects: &mut Effects,
    ) -> Option<Offer> {
        if want != Want::Fresh
            && let Some(open) = self.take_idle(idle, effects).or_else(|| self.take_stream(idle))
        {
            return Some(Offer::Use(open));
        }
        let opens = match want {
            Want::Own | Want::Fresh => true,
            Want::Join => !self.has_shared(),
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
                let Parked { turn, connection, .. } = self.idle.remove(at)?;
                idle.remove(&turn);
                if open {
                    return Some(connection);
                }
                effects.close(connection);
            }
        }
        None
    }

    /// A stream of the connection that has the most in use, so that the others may become idle.
    fn take_stream(&mut self, idle: &mut Idle) -> Option<Connection> {
        let fits = self.shared.iter_mut().filter(|shared| shared.takes_more());
        let shared = fits.max_by_key(|shared| shared.in_use)?;
        let handle = shared.connection.share()?;
        shared.in_use += 1;
        if let Some(turn) = shared.turn.take() {
            idle.remove(&turn);
        }
        Some(handle)
    }

    /// Whether so many that wait are a reason to open another connection.
    fn may_open(&mut self, waiting: usize, limits: &PoolLimits) -> bool {
        if self.each > 0 {
            self.each -= 1;
            return true;
        }
        if self.has_shared() {
            let full = self.shared.len() + self.opening >= limits.max_open_per_origin;
            let paused = self.not_before.is_some_and(|at| Instant::now() < at);
            // As many streams as each of those being opened will have, most likely. Where the peer has not said how many, it is about to.
            let streams = self.live().map(|shared| shared.streams).min().flatten();
            return !full && !paused && streams.is_some_and(|streams| self.opening.saturating_mul(streams) < waiting);
        }
        match self.speaks {
            // Each needs one of its own, but for those that will be ready at once.
            Some(Protocol::Http1) => self.idle.iter().filter(|parked| parked.settles).count() < waiting,
            None if !self.https => true,
            // One goes first and finds out.
            Some(Protocol::Http2) | None => self.opening == 0,
        }
    }

    /// One is open. Gives a handle for who has opened it.
    pub(super) fn opened(&mut self, connection: Connection) -> Connection {
        (self.opening, self.each) = (self.opening.saturating_sub(1), 0);
        self.speaks = Some(connection.protocol());
        let Some(handle) = connection.share() else { return connection };
        self.shared.push(Shared { connection, in_use: 1, streams: None, turn: None, retired: false });
        handle
    }

    /// One was not opened. If it has `failed`, there is nothing to wait for.
    pub(super) fn not_opened(&mut self, failed: bool) {
        self.opening = self.opening.saturating_sub(1);
        if failed && self.has_shared() {
            self.not_before = Some(Instant::now() + PAUSE);
        } else if failed {
            self.each = self.waiting.len();
        }
    }

    pub(super) fn takes_streams(&mut self, id: u64, streams: usize) {
        if let Some(shared) = self.find(id) {
            shared.streams = Some(streams);
        }
    }

    pub(super) fn retire(&mut self, id: u64) {
        if let Some(shared) = self.find(id) {
            shared.retired = true;
        }
    }

    /// A stream has ended. Says whether the connection is idle now; if it is not to be kept it is closed.
    pub(super) fn release(&mut self, id: u64, turn: u64, effects: &mut Effects) -> bool {
        let Some(shared) = self.find(id) else { return false };
        shared.in_use = shared.in_use.saturating_sub(1);
        if shared.in_use > 0 {
            return false;
        }
        let kept = !shared.retired && shared.connection.is_open();
        if kept {
            shared.turn = Some(turn);
        } else {
            self.take_shared(id).into_iter().for_each(|shared| effects.close(shared.connection));
        }
        kept
    }

    /// Keeps a connection of HTTP/1.1.
    pub(super) fn keep(&mut self, turn: u64, connection: Connection) {
        let settles = !connection.is_ready();
        if settles {
            connection.settle();
        }
        self.idle.push_back(Parked { turn, connection, settles });
    }

    /// Its driver has looked at it: if it is not ready now, it waits for the peer, and nobody shall wait for it.
    pub(super) fn settled(&mut self, id: u64) {
        if let Some(parked) = self.idle.iter_mut().find(|parked| parked.connection.id() == id) {
            parked.settles = false;
            if !parked.connection.is_ready() {
                parked.connection.settle_later();
            }
        }
    }

    /// Takes out a connection, whatever it is doing.
    pub(super) fn forget(&mut self, id: u64, idle: &mut Idle, effects: &mut Effects) {
        if let Some(at) = self.idle.iter().position(|parked| parked.connection.id() == id)
            && let Some(Parked { turn, connection, .. }) = self.idle.remove(at)
        {
            idle.remove(&turn);
            effects.close(connection);
        }
        if let Some(Shared { connection, turn, .. }) = self.take_shared(id) {
            turn.into_iter().for_each(|turn| drop(idle.remove(&turn)));
            effects.close(connection);
        }
    }

    fn find(&mut self, id: u64) -> Option<&mut Shared> {
        self.shared.iter_mut().find(|shared| shared.connection.id() == id)
    }

    fn take_shared(&mut self, id: u64) -> Option<Shared> {
        let at = self.shared.iter().position(|shared| shared.connection.id() == id)?;
        Some(self.shared.swap_remove(at))
    }
}
