//! All origins, and the index of idle connections.

use super::effects::Effects;
use super::idle::{Idle, IdleEntry};
use super::origin_pool::OriginPool;
use crate::connection::Connection;
use crate::origin::Origin;
use std::collections::HashMap;
use tokio::task::AbortHandle;
use tokio::time::Instant;

#[derive(Default)]
pub(super) struct State {
    pub(super) origins: HashMap<Origin, OriginPool>,
    pub(super) idle: Idle,
    /// The last key used in [`Idle`].
    idle_key: u64,
    /// Idle connections up to this key hibernate.
    hibernating: u64,
    /// Whether HTTP/2 is spoken with `http` origins.
    http2_prior_knowledge: bool,
    pub(super) reaper: Option<AbortHandle>,
    /// How many origins remained after the last removal of empty ones.
    retained: usize,
}

/// How many origins without connections are retained, for their protocol, beside those with connections. What is dropped is found out again.
const MAX_RETAINED: usize = 1_024;

impl State {
    pub(super) fn new(http2_prior_knowledge: bool) -> Self {
        Self { http2_prior_knowledge, ..Self::default() }
    }

    /// The pool of an origin, created if missing, and the idle connections of all origins.
    pub(super) fn origin_pool(&mut self, origin: &Origin) -> (&mut OriginPool, &mut Idle) {
        if !self.origins.contains_key(origin) {
            self.origins.insert(origin.clone(), OriginPool::new(origin.is_https() || self.http2_prior_knowledge));
        }
        #[expect(clippy::expect_used, reason = "inserted above if it was missing")]
        let origin_pool = self.origins.get_mut(origin).expect("the origin's pool");
        (origin_pool, &mut self.idle)
    }

    /// Keeps an idle HTTP/1.1 connection. Returns whether a request waits for one.
    pub(super) fn add_idle(&mut self, connection: Connection) -> bool {
        let (origin, idle_key) = (connection.origin().clone(), self.next_idle_key());
        self.idle.insert(idle_key, IdleEntry { origin: origin.clone(), id: connection.id(), since: Instant::now() });
        let origin_pool = self.origin_pool(&origin).0;
        origin_pool.add_idle(idle_key, connection);
        !origin_pool.has_no_waiters()
    }

    /// A stream has ended, and the connection is idle if it was the last. Returns whether a request waits.
    pub(super) fn release(&mut self, origin: &Origin, id: u64, effects: &mut Effects) -> bool {
        let idle_key = self.next_idle_key();
        let (origin_pool, idle) = self.origin_pool(origin);
        if origin_pool.release(id, idle_key, effects) {
            idle.insert(idle_key, IdleEntry { origin: origin.clone(), id, since: Instant::now() });
        }
        !origin_pool.has_no_waiters()
    }

    /// Removes a connection, whatever its state.
    pub(super) fn remove(&mut self, origin: &Origin, id: u64, effects: &mut Effects) {
        let (origin_pool, idle) = self.origin_pool(origin);
        origin_pool.remove(id, idle, effects);
    }

    /// When the connection that has been idle for longest became idle.
    pub(super) fn oldest_idle(&self) -> Option<Instant> {
        self.idle.first_key_value().map(|(_, waiting)| waiting.since)
    }

    /// Lets those connections hibernate that have been idle since then or longer.
    pub(super) fn hibernate(&mut self, since: Instant) {
        let awake = self.idle.range(self.hibernating + 1..);
        for (idle_key, entry) in awake.take_while(|(_, entry)| entry.since <= since) {
            self.hibernating = *idle_key;
            if let Some(origin_pool) = self.origins.get_mut(&entry.origin) {
                origin_pool.hibernate(*idle_key);
            }
        }
    }

    /// Closes the connection that has been idle for longest. Returns whether there was one.
    pub(super) fn close_oldest_idle(&mut self, effects: &mut Effects) -> bool {
        let Some((_, IdleEntry { origin, id, .. })) = self.idle.pop_first() else { return false };
        self.remove(&origin, id, effects);
        self.prune(&origin);
        true
    }

    /// Removes the origin's pool if it is empty and its protocol unknown. If there are many pools, removes all that are empty.
    pub(super) fn prune(&mut self, origin: &Origin) {
        if self.origins.get(origin).is_some_and(|origin_pool| origin_pool.is_empty() && !origin_pool.knows_protocol()) {
            self.origins.remove(origin);
        }
        if self.origins.len() > MAX_RETAINED + 2 * self.retained {
            self.origins.retain(|_, origin_pool| !origin_pool.is_empty());
            self.retained = self.origins.len();
        }
    }

    fn next_idle_key(&mut self) -> u64 {
        self.idle_key += 1;
        self.idle_key
    }
}
