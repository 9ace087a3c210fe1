//! Tracks idle connections.

use super::peers::Peer;
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
    by_age: BTreeMap<u64, (Peer, CancellationToken)>,
}

fn evict(connection: Option<CancellationToken>) -> bool {
    let found = connection.is_some();
    if let Some(evicted) = connection {
        evicted.cancel();
    }
    found
}

/// One connection, which is idle at first.
pub(super) struct Connection {
    idle: Idle,
    peer: Peer,
    evicted: CancellationToken,
    /// Its key in [`IdleConnections`], while it is idle.
    key: Mutex<Option<u64>>,
}

/// Marks a connection as busy. When it is dropped, the connection is idle again.
pub(super) struct Busy(Weak<Connection>);

impl Idle {
    pub(super) fn connection(&self, peer: Peer) -> Arc<Connection> {
        let connection =
            Connection { idle: self.clone(), peer, evicted: CancellationToken::new(), key: Mutex::default() };
        connection.set_idle();
        Arc::new(connection)
    }

    /// Evicts the connection that has been idle for longest. Returns whether there was one.
    pub(super) fn evict_oldest(&self) -> bool {
        let oldest = self.lock().by_age.pop_first();
        evict(oldest.map(|(_, (_, evicted))| evicted))
    }

    /// The same among those of one peer.
    pub(super) fn evict_oldest_of(&self, peer: Peer) -> bool {
        let mut connections = self.lock();
        let key = connections.by_age.iter().find(|(_, (owner, _))| *owner == peer).map(|(key, _)| *key);
        let oldest = key.and_then(|key| connections.by_age.remove(&key));
        drop(connections);
        evict(oldest.map(|(_, evicted)| evicted))
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
        connections.by_age.insert(key, (self.peer, self.evicted.clone()));
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

    fn peer(number: u8) -> Peer {
        std::net::IpAddr::from([192, 0, 2, number]).into()
    }

    /// L17
    #[test]
    fn only_the_connection_idle_for_longest_is_evicted() {
        let idle = Idle::default();
        let (first, second, third) = (idle.connection(peer(1)), idle.connection(peer(2)), idle.connection(peer(1)));
        let tokens = [&first, &second, &third].map(|connection| connection.evicted.clone());
        let evictions = || tokens.each_ref().map(CancellationToken::is_cancelled);
        let request = first.busy();
        assert!(idle.evict_oldest());
        assert_eq!(evictions(), [false, true, false]);
        drop(request);
        assert!(idle.evict_oldest());
        assert_eq!(evictions(), [false, true, true], "the first has been idle for a shorter time");
        let request = first.busy();
        drop(first);
        drop(request);
        assert!(idle.lock().by_age.is_empty(), "a dropped connection leaves no entry");
        assert!(!idle.evict_oldest());
    }

    #[test]
    fn a_peer_with_too_many_connections_loses_one_of_its_own() {
        let idle = Idle::default();
        let (other, own) = (idle.connection(peer(1)), idle.connection(peer(2)));
        assert!(idle.evict_oldest_of(peer(2)));
        assert!(own.evicted.is_cancelled() && !other.evicted.is_cancelled());
        assert!(!idle.evict_oldest_of(peer(2)));
    }
}
