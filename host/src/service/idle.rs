//! Connections on which there is no request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio_util::sync::CancellationToken;

/// Connections on which there is no request. When there are too many connections these are given up, the one that has waited longest
/// first: a client that sends nothing keeps nobody else out. One entry for each connection at most.
#[derive(Clone, Default)]
pub(super) struct Idle(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    serial: u64,
    by_age: BTreeMap<u64, CancellationToken>,
}

/// One connection, which is idle to begin with.
pub(super) struct Connection {
    idle: Idle,
    given_up: CancellationToken,
    /// Its place among those that are idle.
    place: Mutex<Option<u64>>,
}

/// A request on a connection. When it is dropped the connection is idle again.
pub(super) struct Busy(Weak<Connection>);

impl Idle {
    pub(super) fn connection(&self) -> Arc<Connection> {
        let connection = Connection { idle: self.clone(), given_up: CancellationToken::new(), place: Mutex::default() };
        connection.rest();
        Arc::new(connection)
    }

    /// Gives up the connection that has been idle for the longest time, if there is one.
    pub(super) fn give_up_oldest(&self) {
        let oldest = self.waiting().by_age.pop_first();
        if let Some((_, given_up)) = oldest {
            given_up.cancel();
        }
    }

    /// Nothing in here panics half-way through a change.
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// Resolves when it is given up.
    pub(super) async fn given_up(&self) {
        self.given_up.cancelled().await;
    }

    /// A request has come.
    pub(super) fn busy(self: &Arc<Self>) -> Busy {
        self.leave();
        Busy(Arc::downgrade(self))
    }

    fn rest(&self) {
        let mut waiting = self.idle.waiting();
        waiting.serial += 1;
        let serial = waiting.serial;
        waiting.by_age.insert(serial, self.given_up.clone());
        drop(waiting);
        *self.place() = Some(serial);
    }

    fn leave(&self) {
        let place = self.place().take();
        if let Some(place) = place {
            self.idle.waiting().by_age.remove(&place);
        }
    }

    fn place(&self) -> MutexGuard<'_, Option<u64>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        // It may be gone by now.
        if let Some(connection) = self.0.upgrade() {
            connection.rest();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// L17
    #[test]
    fn the_oldest_of_those_that_are_idle_is_given_up_first_and_no_other() {
        let idle = Idle::default();
        let (first, second, third) = (idle.connection(), idle.connection(), idle.connection());
        let tokens = [&first, &second, &third].map(|connection| connection.given_up.clone());
        let gone = || tokens.each_ref().map(CancellationToken::is_cancelled);
        let request = first.busy();
        idle.give_up_oldest();
        assert_eq!(gone(), [false, true, false]);
        drop(request);
        idle.give_up_oldest();
        assert_eq!(gone(), [false, true, true], "the first has been idle for a shorter time");
        let request = first.busy();
        drop(first);
        drop(request);
        assert!(idle.waiting().by_age.is_empty(), "what is gone leaves nothing");
        idle.give_up_oldest();
    }
}
