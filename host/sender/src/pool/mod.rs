//! Decides which connection a request goes over, and which request opens a new one.

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
pub(crate) use origin_pool::Want;
use origin_pool::{Offer, OriginPool};
use state::State;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

/// Open connections by origin, and the requests that wait for one.
///
/// A request is granted an idle connection, a stream of a shared one, or a permit to open one. Otherwise it waits in its origin's queue,
/// and each event there (a stream ends, a connection is opened or closed) serves the first in the queue. Everything is decided under
/// one lock, which is never held across an await.
pub(crate) struct Pool {
    limits: PoolLimits,
    state: Mutex<State>,
    next_id: AtomicU64,
}

/// The result of asking for a connection.
pub(crate) enum Checkout {
    Granted(Grant),
    /// The request waits in the origin's queue.
    Queued(oneshot::Receiver<Grant>),
}

impl Observer for Pool {
    fn polled(self: Arc<Self>, origin: &Origin, id: u64) {
        self.with_state(|state, effects| {
            state.origin_pool(origin).0.polled(id);
            self.serve(state, origin, effects);
        });
    }

    fn max_streams_changed(self: Arc<Self>, origin: &Origin, id: u64, streams: usize) {
        self.with_state(|state, effects| {
            state.origin_pool(origin).0.max_streams_changed(id, streams);
            self.serve(state, origin, effects);
        });
    }

    fn closed(self: Arc<Self>, origin: &Origin, id: u64) {
        self.with_state(|state, effects| {
            state.remove(origin, id, effects);
            self.serve(state, origin, effects);
        });
    }
}

impl Pool {
    pub(crate) fn new(limits: PoolLimits, http2_prior_knowledge: bool) -> Self {
        let state = Mutex::new(State::new(http2_prior_knowledge));
        Self { limits, state, next_id: AtomicU64::new(0) }
    }

    pub(crate) fn limits(&self) -> PoolLimits {
        self.limits
    }

    /// The id of a new connection.
    pub(crate) fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Asks for a connection to this origin.
    pub(crate) fn checkout(self: &Arc<Self>, origin: &Origin, want: Want) -> Checkout {
        self.with_state(|state, effects| {
            let (origin_pool, idle) = state.origin_pool(origin);
            let skips_queue = origin_pool.has_no_waiters() || matches!(want, Want::Immediate | Want::New);
            if skips_queue && let Some(offer) = origin_pool.offer(1, want, &self.limits, idle, effects) {
                return Checkout::Granted(self.grant(origin, offer));
            }
            let (grant, granted) = oneshot::channel();
            origin_pool.wait(grant, want);
            self.serve(state, origin, effects);
            Checkout::Queued(granted)
        })
    }

    /// Whether a shared connection to this origin is open.
    pub(crate) fn has_shared(&self, origin: &Origin) -> bool {
        self.with_state(|state, _| state.origins.get(origin).is_some_and(OriginPool::has_shared))
    }

    /// How many connections are idle.
    pub(crate) fn idle(&self) -> usize {
        self.with_state(|state, _| state.idle.len())
    }

    /// Closes the connection that has been idle for longest, and says whether there was one.
    pub(crate) fn close_oldest_idle(&self) -> bool {
        self.with_state(State::close_oldest_idle)
    }

    /// Takes back an HTTP/1.1 connection whose response has ended.
    fn check_in(self: &Arc<Self>, connection: Connection) {
        if !connection.is_open() {
            return;
        }
        self.with_state(|state, effects| {
            let origin = connection.origin().clone();
            let has_waiters = state.add_idle(connection);
            self.limit_idle(state, effects);
            if has_waiters {
                self.serve(state, &origin, effects);
            }
        });
    }

    /// A stream of a shared connection has ended.
    fn release(self: &Arc<Self>, origin: &Origin, id: u64) {
        self.with_state(|state, effects| {
            let has_waiters = state.release(origin, id, effects);
            self.limit_idle(state, effects);
            if has_waiters {
                self.serve(state, origin, effects);
            }
        });
    }

    /// Sends no further requests over a shared connection.
    fn retire(self: &Arc<Self>, origin: &Origin, id: u64) {
        self.with_state(|state, effects| {
            state.origin_pool(origin).0.retire(id);
            self.serve(state, origin, effects);
        });
    }

    /// The holder of a permit has opened a connection.
    fn opened(self: &Arc<Self>, connection: Connection) -> Lease {
        self.with_state(|state, effects| {
            let origin = connection.origin().clone();
            let handle = state.origin_pool(&origin).0.opened(connection);
            self.serve(state, &origin, effects);
            self.lease(handle)
        })
    }

    /// The holder of a permit has opened no connection: it failed, or it dropped the permit.
    fn not_opened(self: &Arc<Self>, origin: &Origin, failed: bool) {
        self.with_state(|state, effects| {
            let origin_pool = state.origin_pool(origin).0;
            origin_pool.not_opened(failed);
            self.serve(state, origin, effects);
        });
    }

    /// Closes idle connections beyond the limit, and makes sure that the reaper runs.
    fn limit_idle(self: &Arc<Self>, state: &mut State, effects: &mut Effects) {
        while state.idle.len() > self.limits.max_idle && state.close_oldest_idle(effects) {}
        if !state.idle.is_empty() && state.reaper.as_ref().is_none_or(tokio::task::AbortHandle::is_finished) {
            // Outside of a runtime nothing is sent either, and the next connection that becomes idle starts it.
            let reaping = reap(Arc::downgrade(self));
            state.reaper =
                tokio::runtime::Handle::try_current().ok().map(|runtime| runtime.spawn(reaping).abort_handle());
        }
    }

    /// Grants what is available to the requests in the queue, in order.
    fn serve(self: &Arc<Self>, state: &mut State, origin: &Origin, effects: &mut Effects) {
        let (origin_pool, idle) = state.origin_pool(origin);
        while let Some((offer, grant)) = origin_pool.serve(&self.limits, idle, effects) {
            effects.grant(grant, self.grant(origin, offer));
        }
        state.prune(origin);
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

    /// Changes the state under the lock, and applies the effects after it is released: a grant whose receiver is gone is returned, which
    /// takes the lock again.
    fn with_state<R>(&self, change: impl FnOnce(&mut State, &mut Effects) -> R) -> R {
        let mut effects = Effects::default();
        let result = {
            // No code panics while it holds the lock.
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            change(&mut state, &mut effects)
        };
        effects.apply();
        result
    }

    /// Closes connections that have been idle for too long, lets others hibernate, and returns when to sweep again.
    fn sweep(&self) -> Option<Instant> {
        let (max_age, now) = (self.limits.max_age, Instant::now());
        self.with_state(|state, effects| {
            while state.oldest_idle().is_some_and(|since| since.elapsed() >= max_age)
                && state.close_oldest_idle(effects)
            {}
            now.checked_sub(HIBERNATE_AFTER).into_iter().for_each(|since| state.hibernate(since));
            // One that becomes idle meanwhile is to hibernate too.
            let next = state.oldest_idle().map(|since| (since + max_age).min(now + HIBERNATE_AFTER));
            if next.is_none() {
                state.reaper = None;
            }
            next
        })
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.with_state(|state, _| {
            if let Some(reaper) = state.reaper.take() {
                reaper.abort();
            }
        });
    }
}

/// How long a connection is idle before it gives back what only a request needs: long enough for one that is in use to be in use again.
const HIBERNATE_AFTER: Duration = Duration::from_secs(1);

/// The least time between two sweeps, so that connections which became idle one after the other are closed together.
const MIN_SWEEP_INTERVAL: Duration = Duration::from_millis(100);

/// Closes connections that have been idle for too long. Ends when none is idle.
async fn reap(pool: Weak<Pool>) {
    loop {
        let Some(next) = pool.upgrade().and_then(|pool| pool.sweep()) else { return };
        sleep_until(next.max(Instant::now() + MIN_SWEEP_INTERVAL)).await;
    }
}
