//! Effects that are applied once the pool's lock is released.

use super::lease::Grant;
use crate::connection::Connection;
use tokio::sync::oneshot;

/// Grants to be sent and connections to be closed once the lock is released.
#[derive(Default)]
pub(super) struct Effects {
    granted: Vec<(oneshot::Sender<Grant>, Grant)>,
    closed: Vec<Connection>,
}

impl Effects {
    pub(super) fn grant(&mut self, to: oneshot::Sender<Grant>, grant: Grant) {
        self.granted.push((to, grant));
    }

    pub(super) fn close(&mut self, connection: Connection) {
        self.closed.push(connection);
    }

    pub(super) fn apply(self) {
        for (to, grant) in self.granted {
            // If the receiver has been dropped, dropping the grant returns it to the pool.
            drop(to.send(grant));
        }
    }
}
