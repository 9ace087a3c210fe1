//! Tracks idle connections.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio_util::sync::CancellationToken;

/// The connections without a request. When there are too many connections these are evicted, the longest idle first, so that a client
/// that sends nothing does not keep others out. At most one entry per connection.
#[derive(Clone, Default)]
pub(super) struct Idle(Arc<Mutex<IdleConnections>>);

#[derive(Default)]
struct IdleConnections {
    /// The key of the connection that became idle last.
    last_key: u64,
    by_age: BTreeMap<u64, CancellationToken>,
}

/// One connection, which is idle at first.
pub(super) struct Connection {
    idle: Idle,
    evicted: CancellationToken,
    /// Its key in [`IdleConnections`], while it is idle.
    key: Mutex<Option<u64>>,
}

/// Marks a connection as busy. When it is dropped, the connection is idle again.
pub(super) struct Busy(Weak<Connection>);

impl Idle {
    pub(super) fn connection(&self) -> Arc<Connection> {
        let connection = Connection { idle: self.clone(), evicted: CancellationToken::new(), key: Mutex::default() };
        connection.set_idle();
        Arc::new(connection)
    }

    /// Evicts the connection that has been idle for longest, if there is one.
    pub(super) fn evict_oldest(&self) {
        let oldest = self.lock().by_age.pop_first();
        if let Some((_, evicted)) = oldest {
            evicted.cancel();
        }
    }

    /// No code panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, IdleConnections> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// Resolves when the connection is evicted.
    pub(super) async fn evicted(&self) {
        self.evicted.cancelled().await;
    }

    /// Marks the connection as busy with a request.
    pub(super) fn busy(self: &Arc<Self>) -> Busy {
        self.remove_entry();
        Busy(Arc::downgrade(self))
    }

    fn set_idle(&self) {
        let mut connections = self.idle.lock();
        connections.last_key += 1;
        let key = connections.last_key;
        connections.by_age.insert(key, self.evicted.clone());
        drop(connections);
        *self.key() = Some(key);
    }

    fn remove_entry(&self) {
        let key = self.key().take();
        if let Some(key) = key {
            self.idle.lock().by_age.remove(&key);
        }
    }

    fn key(&self) -> MutexGuard<'_, Option<u64>> {
        self.key.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.remove_entry();
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        // The connection may have been closed.
        if let Some(connection) = self.0.upgrade() {
            connection.set_idle();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// L17
    #[test]
    fn only_the_connection_idle_for_longest_is_evicted() {
        let idle = Idle::default();
        let (first, second, third) = (idle.connection(), idle.connection(), idle.connection());
        let tokens = [&first, &second, &third].map(|connection| connection.evicted.clone());
        let evictions = || tokens.each_ref().map(CancellationToken::is_cancelled);
        let request = first.busy();
        idle.evict_oldest();
        assert_eq!(evictions(), [false, true, false]);
        drop(request);
        idle.evict_oldest();
        assert_eq!(evictions(), [false, true, true], "the first has been idle for a shorter time");
        let request = first.busy();
        drop(first);
        drop(request);
        assert!(idle.lock().by_age.is_empty(), "a dropped connection leaves no entry");
        idle.evict_oldest();
    }
}
