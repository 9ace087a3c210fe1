//! Where outcomes go, and how the reader's wishes are learned.

use crate::bindings::exports::fantail::fetch::batch::{Outcome, Response};
use crate::convert;
use fantail_engine::Instant;
use fantail_shell::Reader;
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use std::task::{Context, Poll};
use std::time::Duration;
use wit_bindgen::rt::async_support::{StreamResult, StreamWriter};

/// While a reader waits and nothing is there for it, this often it is asked whether it is still there.
const PROBE: Duration = Duration::from_millis(50);

/// Outcomes on their way out. A write of nothing completes when the reader asks for more or is gone: it is how demand is
/// seen, and it is kept outstanding whenever there is nothing else to write.
pub(crate) struct Outbox {
    writer: Writer,
    waiting: Vec<Outcome>,
}

enum Writer {
    /// Nothing is being written; the reader may be asked from this time on.
    Idle {
        writer: StreamWriter<Outcome>,
        probe: Instant,
    },
    Writing(LocalBoxFuture<'static, Written>),
    Gone,
}

struct Written {
    writer: StreamWriter<Outcome>,
    taken: usize,
    left: Vec<Outcome>,
    result: StreamResult,
}

impl Outbox {
    pub(crate) fn new(writer: StreamWriter<Outcome>) -> Self {
        Self { writer: Writer::Idle { writer, probe: Instant::default() }, waiting: Vec::new() }
    }
}

impl fantail_shell::Outbox<Response> for Outbox {
    fn push(&mut self, outcome: fantail_engine::Outcome<Response>) {
        self.waiting.push(convert::outcome(outcome));
    }

    fn poll(&mut self, now: Instant, cx: &mut Context<'_>) -> Poll<Reader> {
        self.writer.poll(now, cx, &mut self.waiting)
    }

    fn next_probe(&self) -> Option<Instant> {
        match &self.writer {
            Writer::Idle { probe, .. } => Some(*probe),
            Writer::Writing(_) | Writer::Gone => None,
        }
    }

    fn close(&mut self) {
        self.writer = Writer::Gone;
    }
}

impl Writer {
    fn poll(&mut self, now: Instant, cx: &mut Context<'_>, waiting: &mut Vec<Outcome>) -> Poll<Reader> {
        if let Writer::Idle { probe, .. } = self
            && (!waiting.is_empty() || *probe <= now)
            && let Writer::Idle { writer, .. } = std::mem::replace(self, Writer::Gone)
        {
            *self = Writer::Writing(write(writer, std::mem::take(waiting)).boxed_local());
        }
        let Writer::Writing(writing) = self else { return Poll::Pending };
        let Poll::Ready(Written { writer, taken, mut left, result }) = writing.poll_unpin(cx) else {
            return Poll::Pending;
        };
        if result == StreamResult::Dropped {
            *self = Writer::Gone;
            return Poll::Ready(Reader::Left);
        }
        // After a write that took outcomes the next one may wait for the reader; after one that found the reader
        // waiting, asking again at once would only find the same.
        let probe = if taken > 0 { Instant::default() } else { now + PROBE };
        *self = Writer::Idle { writer, probe };
        left.append(waiting);
        *waiting = left;
        Poll::Ready(if taken > 0 { Reader::took(taken) } else { Reader::Asks })
    }
}

async fn write(mut writer: StreamWriter<Outcome>, outcomes: Vec<Outcome>) -> Written {
    let (result, left) = writer.write(outcomes).await;
    let taken = if let StreamResult::Complete(taken) = result { taken } else { 0 };
    Written { writer, taken, left: left.into_vec(), result }
}
