//! Which connection a request goes over, and who opens one.

mod effects;
mod idle;
mod lease;
mod origin_pool;
mod state;

pub(crate) use lease::{ConnectPermit, Grant, Lease};

use crate::connection::Connection;
use crate::limits::PoolLimits;
use crate::observer::Observer;
use crate::origin::Origin;
use effects::Effects;
use origin_pool::Offer;
pub(crate) use origin_pool::Want;
use state::State;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::sleep_until;

/// Open connections by origin, and who waits for one.
///
/// A request is granted a kept connection, a stream of one that is shared, or the task of opening one. Otherwise it waits in its
/// origin's queue, and whatever happens there (a stream ends, a connection is opened or ends) serves the first in the queue. All of it is
/// decided under one lock, which is never held while anything is awaited.
pub(crate) struct Pool {
    limits: PoolLimits,
    state: Mutex<State>,
    next_id: AtomicU64,
}

/// What comes of asking for a connection.
pub(crate) enum Checkout {
    Granted(Grant),
    /// In the origin's queue.
    Waits(oneshot::Receiver<Grant>),
}

impl Observer for Pool {
    fn settled(self: Arc<Self>, origin: &Origin, id: u64) {
        self.with(|state, effects| {
            state.lane(origin).0.settled(id);
            self.serve(state, origin, effects);
        });
    }

    fn takes_streams(self: Arc<Self>, origin: &Origin, id: u64, streams: usize) {
        self.with(|state, effects| {
            state.lane(origin).0.takes_streams(id, streams);
            self.serve(state, origin, effects);
        });
    }

    fn gone(self: Arc<Self>, origin: &Origin, id: u64) {
        self.with(|state, effects| {
            state.forget(origin, id, effects);
            self.serve(state, origin, effects);
        });
    }
}

impl Pool {
    pub(crate) fn new(limits: PoolLimits) -> Self {
        Self { limits, state: Mutex::default(), next_id: AtomicU64::new(0) }
    }

    pub(crate) fn limits(&self) -> PoolLimits {
        self.limits
    }

    /// For a new connection.
    pub(crate) fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Asks for a connection to this origin.
    pub(crate) fn ask(self: &Arc<Self>, origin: &Origin, want: Want) -> Checkout {
        self.with(|state, effects| {
            let (lane, idle) = state.lane(origin);
            let first = lane.is_unwanted() || matches!(want, Want::Own | Want::Fresh);
            if first && let Some(offer) = lane.offer(1, want, &self.limits, idle, effects) {
                return Checkout::Granted(self.grant(origin, offer));
            }
            let (grant, granted) = oneshot::channel();
            lane.wait(grant, want);
            self.serve(state, origin, effects);
            Checkout::Waits(granted)
        })
    }

    /// Whether a connection to this origin is open that several share.
    pub(crate) fn shares(&self, origin: &Origin) -> bool {
        self.with(|state, _| state.lanes.get(origin).is_some_and(origin_pool::OriginPool::has_shared))
    }

    /// Connections that wait for a request.
    pub(crate) fn idle(&self) -> usize {
        self.with(|state, _| state.idle.len())
    }

    /// Closes the connection that has been idle for longest, and says whether there was one.
    pub(crate) fn make_room(&self) -> bool {
        self.with(State::close_oldest)
    }

    /// Takes back a connection of HTTP/1.1 whose response has ended.
    fn put(self: &Arc<Self>, connection: Connection) {
        if !connection.is_open() {
            return;
        }
        self.with(|state, effects| {
            let origin = connection.origin().clone();
            let wanted = state.keep(connection);
            self.trim(state, effects);
            if wanted {
                self.serve(state, &origin, effects);
            }
        });
    }

    /// A stream of a shared connection has ended.
    fn release(self: &Arc<Self>, origin: &Origin, id: u64) {
        self.with(|state, effects| {
            let wanted = state.release(origin, id, effects);
            self.trim(state, effects);
            if wanted {
                self.serve(state, origin, effects);
            }
        });
    }

    /// Sends nothing more over a shared connection.
    fn retire(self: &Arc<Self>, origin: &Origin, id: u64) {
        self.with(|state, effects| {
            state.lane(origin).0.retire(id);
            self.serve(state, origin, effects);
        });
    }

    /// Somebody who was to open a connection has done so.
    fn opened(self: &Arc<Self>, connection: Connection) -> Lease {
        self.with(|state, effects| {
            let origin = connection.origin().clone();
            let kept = state.lane(&origin).0.opened(connection);
            self.serve(state, &origin, effects);
            self.lease(kept)
        })
    }

    /// Somebody who was to open a connection has not: it failed, or nobody wants it any more.
    fn not_opened(self: &Arc<Self>, origin: &Origin, failed: bool) {
        self.with(|state, effects| {
            let lane = state.lane(origin).0;
            lane.not_opened(failed);
            self.serve(state, origin, effects);
        });
    }

    /// Keeps no more than allowed, and no longer.
    fn trim(self: &Arc<Self>, state: &mut State, effects: &mut Effects) {
        while state.idle.len() > self.limits.max_idle && state.close_oldest(effects) {}
        if !state.idle.is_empty() && state.reaper.as_ref().is_none_or(tokio::task::AbortHandle::is_finished) {
            // Outside of a runtime nothing is sent either, and the next that is kept starts it.
            let reaping = reap(Arc::downgrade(self));
            state.reaper =
                tokio::runtime::Handle::try_current().ok().map(|runtime| runtime.spawn(reaping).abort_handle());
        }
    }

    /// Gives to those who wait what there is for them.
    fn serve(self: &Arc<Self>, state: &mut State, origin: &Origin, effects: &mut Effects) {
        let (lane, idle) = state.lane(origin);
        while let Some((offer, grant)) = lane.serve(&self.limits, idle, effects) {
            effects.grant(grant, self.grant(origin, offer));
        }
        state.tidy(origin);
    }

    fn grant(self: &Arc<Self>, origin: &Origin, offer: Offer) -> Grant {
        match offer {
            Offer::Use(connection) => Grant::Use(self.lease(connection)),
            Offer::Open => Grant::Open(ConnectPermit::new(Arc::clone(self), origin.clone())),
        }
    }

    fn lease(self: &Arc<Self>, connection: Connection) -> Lease {
        Lease::new(Arc::clone(self), connection)
    }

    /// What is granted or closed is let go of when the lock is: whoever has left meanwhile gives it back, which takes the lock again.
    fn with<R>(&self, change: impl FnOnce(&mut State, &mut Effects) -> R) -> R {
        let mut effects = Effects::default();
        let result = {
            // Nothing in here panics half-way through a change.
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            change(&mut state, &mut effects)
        };
        effects.happen();
        result
    }

    /// Closes what has been idle for too long, and says when to look again.
    fn sweep(&self) -> Option<tokio::time::Instant> {
        let max_age = self.limits.max_age;
        self.with(|state, effects| {
            while state.oldest().is_some_and(|since| since.elapsed() >= max_age) && state.close_oldest(effects) {}
            let next = state.oldest().map(|since| since + max_age);
            if next.is_none() {
                state.reaper = None;
            }
            next
        })
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.with(|state, _| {
            if let Some(reaper) = state.reaper.take() {
                reaper.abort();
            }
        });
    }
}

/// At the least this long between two looks, for many connections that were kept one after the other.
const BREATH: Duration = Duration::from_millis(100);

/// Closes connections when they have been idle for long enough; ends when none is.
async fn reap(pool: Weak<Pool>) {
    loop {
        let Some(next) = pool.upgrade().and_then(|pool| pool.sweep()) else { return };
        sleep_until(next.max(tokio::time::Instant::now() + BREATH)).await;
    }
}
