//! What is to happen when the lock is let go of.

use super::lease::Grant;
use crate::connection::Connection;
use tokio::sync::oneshot;

/// What is to happen when the lock is let go of.
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

    pub(super) fn happen(self) {
        for (to, grant) in self.granted {
            // Whoever has left meanwhile gives it back by dropping it.
            drop(to.send(grant));
        }
    }
}
