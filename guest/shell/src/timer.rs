//! The one timer of a batch.

use crate::wasi::Wasi;
use fantail_engine::Instant;
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use std::task::{Context, Poll};

/// Fires once at or after the time it was set to. A timer that is set to fire earlier than needed is left alone: a
/// spurious wake-up once in a while costs less than a new timer for each request.
#[derive(Default)]
pub(crate) struct Timer {
    armed: Option<(Instant, LocalBoxFuture<'static, ()>)>,
}

impl Timer {
    /// Makes it fire by `at`.
    pub(crate) fn set<W: Wasi>(&mut self, at: Option<Instant>) {
        let Some(at) = at else { return };
        if self.armed.as_ref().is_none_or(|(armed, _)| at < *armed) {
            self.armed = Some((at, W::wait_until(at)));
        }
    }

    pub(crate) fn poll(&mut self, now: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let Some((at, elapsed)) = &mut self.armed else { return Poll::Pending };
        // Over WASI 0.2 the time may have passed without a poll.
        if now < *at && elapsed.poll_unpin(cx).is_pending() {
            return Poll::Pending;
        }
        self.armed = None;
        Poll::Ready(())
    }
}
