//! All origins, and what is idle.

use super::effects::Effects;
use super::idle::{Idle, Waiting};
use super::origin_pool::OriginPool;
use crate::connection::Connection;
use crate::origin::Origin;
use std::collections::HashMap;
use tokio::task::AbortHandle;
use tokio::time::Instant;

#[derive(Default)]
pub(super) struct State {
    pub(super) lanes: HashMap<Origin, OriginPool>,
    pub(super) idle: Idle,
    /// Rises with each connection that becomes idle.
    turn: u64,
    pub(super) reaper: Option<AbortHandle>,
    /// So many lanes there were after the last look for empty ones.
    in_use: usize,
}

/// Origins of which it is kept what they speak, beside as many as have connections. What is forgotten is found out again.
const MOST_KNOWN: usize = 1_024;

impl State {
    /// The lane of an origin, and what is idle anywhere.
    pub(super) fn lane(&mut self, origin: &Origin) -> (&mut OriginPool, &mut Idle) {
        if !self.lanes.contains_key(origin) {
            self.lanes.insert(origin.clone(), OriginPool::new(origin.is_https()));
        }
        #[expect(clippy::expect_used, reason = "it is there since the line above")]
        let lane = self.lanes.get_mut(origin).expect("the lane");
        (lane, &mut self.idle)
    }

    /// Keeps a connection of HTTP/1.1 for the next request, and says whether one waits.
    pub(super) fn keep(&mut self, connection: Connection) -> bool {
        let (origin, turn) = (connection.origin().clone(), self.next_turn());
        self.idle.insert(turn, Waiting { origin: origin.clone(), id: connection.id(), since: Instant::now() });
        let lane = self.lane(&origin).0;
        lane.keep(turn, connection);
        !lane.is_unwanted()
    }

    /// A stream has ended: the connection is idle if it was the last. Says whether somebody waits.
    pub(super) fn release(&mut self, origin: &Origin, id: u64, effects: &mut Effects) -> bool {
        let turn = self.next_turn();
        let (lane, idle) = self.lane(origin);
        if lane.release(id, turn, effects) {
            idle.insert(turn, Waiting { origin: origin.clone(), id, since: Instant::now() });
        }
        !lane.is_unwanted()
    }

    /// Takes out a connection, whatever it is doing.
    pub(super) fn forget(&mut self, origin: &Origin, id: u64, effects: &mut Effects) {
        let (lane, idle) = self.lane(origin);
        lane.forget(id, idle, effects);
    }

    /// When the one that has been idle for longest became so.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.idle.first_key_value().map(|(_, waiting)| waiting.since)
    }

    /// Closes the one that has been idle for longest.
    pub(super) fn close_oldest(&mut self, effects: &mut Effects) -> bool {
        let Some((_, Waiting { origin, id, .. })) = self.idle.pop_first() else { return false };
        self.forget(&origin, id, effects);
        self.tidy(&origin);
        true
    }

    /// Forgets a lane that nothing is known of or, if many are, that only its protocol is.
    pub(super) fn tidy(&mut self, origin: &Origin) {
        if self.lanes.get(origin).is_some_and(|lane| lane.is_empty() && !lane.knows()) {
            self.lanes.remove(origin);
        }
        if self.lanes.len() > MOST_KNOWN + 2 * self.in_use {
            self.lanes.retain(|_, lane| !lane.is_empty());
            self.in_use = self.lanes.len();
        }
    }

    fn next_turn(&mut self) -> u64 {
        self.turn += 1;
        self.turn
    }
}
