//! Connections that wait for their next request.

use super::Origin;
use super::connection::Connection;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What the pool and its connections may hold. Worst case: `max_open` sockets, and for each `head_bytes`, and as much again as hyper
/// buffers of a body (some 400 KiB over HTTP/1.1, 256 KiB for each stream over HTTP/2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Connections open at once, over all origins. A request beyond that is `connection-limit-reached`. Default 8,192.
    pub max_open: usize,
    /// The same to one origin. Default 4,096.
    pub max_open_per_origin: usize,
    /// Connections kept open without a request, over all origins. Default 1,024.
    pub max_idle: usize,
    /// How long one is kept, looked at whenever one is taken or put back. Default 30 s: less than servers usually wait,
    /// so that few are found closed.
    pub max_age: Duration,
    /// Bytes of a response's head at most. Default 64 KiB.
    pub head_bytes: usize,
    /// Fields of a response's head at most. Default 128.
    pub head_fields: usize,
    /// Informational responses (1xx) before the answer at most. Default 16.
    pub informational: u32,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            max_open: 8_192,
            max_open_per_origin: 4_096,
            max_idle: 1_024,
            max_age: Duration::from_secs(30),
            head_bytes: 64 * 1024,
            head_fields: 128,
            informational: 16,
        }
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
    /// Those that take several requests at a time, and when one last came or went. They count as idle when nobody uses them.
    shared: HashMap<Origin, (Connection, Instant)>,
}

impl Pool {
    pub(crate) fn new(limits: PoolLimits) -> Self {
        Self { limits, idle: Mutex::default() }
    }

    /// A connection to `origin` that was open when last seen.
    pub(crate) fn take(&self, origin: &Origin) -> Option<Connection> {
        let mut idle = self.lock();
        if let Some((connection, used)) = idle.shared.get_mut(origin) {
            if connection.is_open() && (!connection.is_unused() || used.elapsed() <= self.limits.max_age) {
                *used = Instant::now();
                return connection.share();
            }
            idle.shared.remove(origin);
        }
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
        if connection.is_shared() {
            // Not a second time: it is there, or was found not to answer.
            let shared = idle.shared.get_mut(&connection.origin).filter(|(shared, _)| shared.is_same(&connection));
            shared.into_iter().for_each(|(_, used)| *used = Instant::now());
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

    /// Makes room for one more connection, if one is kept that nobody uses.
    pub(crate) fn make_room(&self) {
        let mut idle = self.lock();
        let before = idle.held();
        idle.sweep(self.limits.max_age);
        if idle.held() == before {
            idle.drop_one();
        }
    }

    /// Sends nothing more over a connection that several share: it does not answer.
    pub(crate) fn forget(&self, connection: &Connection) {
        let mut idle = self.lock();
        if idle.shared.get(&connection.origin).is_some_and(|(shared, _)| shared.is_same(connection)) {
            idle.shared.remove(&connection.origin);
        }
    }

    /// Lets a connection that takes several requests at a time be used by others too.
    pub(crate) fn offer(&self, connection: &Connection) {
        if let Some(shared) = connection.share() {
            let mut idle = self.lock();
            if idle.swept.is_none_or(|swept| swept.elapsed() > self.limits.max_age)
                || idle.held() >= self.limits.max_idle
            {
                idle.sweep(self.limits.max_age);
            }
            idle.shared.insert(connection.origin.clone(), (shared, Instant::now()));
        }
    }

    pub(crate) fn idle(&self) -> usize {
        let idle = self.lock();
        idle.count + idle.shared.values().filter(|(connection, _)| connection.is_unused()).count()
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        // Nothing in here panics half-way through a change.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Idle {
    fn held(&self) -> usize {
        self.count + self.shared.len()
    }

    /// Drops what is closed or too old.
    fn sweep(&mut self, max_age: Duration) {
        self.by_origin.retain(|_, stack| {
            stack.retain(|(connection, since)| connection.is_open() && since.elapsed() <= max_age);
            !stack.is_empty()
        });
        self.shared.retain(|_, (connection, used)| {
            connection.is_open() && (!connection.is_unused() || used.elapsed() <= max_age)
        });
        self.count = self.by_origin.values().map(Vec::len).sum();
        self.swept = Some(Instant::now());
    }

    /// Makes room for a connection that was used just now: the oldest of some origin goes.
    fn drop_one(&mut self) {
        let Some(origin) = self.by_origin.keys().next().cloned() else {
            let unused = self.shared.iter().find(|(_, (connection, _))| connection.is_unused());
            if let Some(origin) = unused.map(|(origin, _)| origin.clone()) {
                self.shared.remove(&origin);
            }
            return;
        };
        if let Some(stack) = self.by_origin.get_mut(&origin) {
            drop(stack.drain(..1));
            if stack.is_empty() {
                self.by_origin.remove(&origin);
            }
            self.count -= 1;
        }
    }
}
