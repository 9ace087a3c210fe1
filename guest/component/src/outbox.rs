//! Where outcomes go, and how the reader's wishes are learned.

use crate::bindings::exports::fantail::fetch::batch::Outcome;
use fantail_engine::Instant;
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use std::task::{Context, Poll};
use std::time::Duration;
use wit_bindgen::rt::async_support::{StreamResult, StreamWriter};

/// While a reader waits and nothing is there for it, this often it is asked whether it is still there.
const PROBE: Duration = Duration::from_millis(50);

/// Outcomes on their way out. A write of nothing completes when the reader asks for more or is gone: it is how demand is
/// seen, and it is kept outstanding whenever there is nothing else to write.
pub(crate) enum Outbox {
    /// For a caller that takes everything at once.
    List { outcomes: Vec<Outcome>, taken: usize, asked: bool },
    /// For a caller that reads a stream.
    Stream { writer: Writer, waiting: Vec<Outcome> },
}

pub(crate) enum Writer {
    /// Nothing is being written; the reader may be asked from this time on.
    Idle {
        writer: StreamWriter<Outcome>,
        probe: Instant,
    },
    Writing(LocalBoxFuture<'static, Written>),
    Gone,
}

pub(crate) struct Written {
    writer: StreamWriter<Outcome>,
    taken: usize,
    left: Vec<Outcome>,
    result: StreamResult,
}

/// What the reader did.
pub(crate) enum Reader {
    Asks,
    Took(u32),
    Left,
}

impl Outbox {
    pub(crate) fn list() -> Self {
        Outbox::List { outcomes: Vec::new(), taken: 0, asked: false }
    }

    pub(crate) fn stream(writer: StreamWriter<Outcome>) -> Self {
        let writer = Writer::Idle { writer, probe: Instant::default() };
        Outbox::Stream { writer, waiting: Vec::new() }
    }

    pub(crate) fn push(&mut self, outcome: Outcome) {
        match self {
            Outbox::List { outcomes, .. } => outcomes.push(outcome),
            Outbox::Stream { waiting, .. } => waiting.push(outcome),
        }
    }

    /// When to look after the reader again although nothing happened.
    pub(crate) fn next_probe(&self) -> Option<Instant> {
        match self {
            Outbox::Stream { writer: Writer::Idle { probe, .. }, .. } => Some(*probe),
            Outbox::Stream { .. } | Outbox::List { .. } => None,
        }
    }

    pub(crate) fn poll(&mut self, now: Instant, cx: &mut Context<'_>) -> Poll<Reader> {
        match self {
            Outbox::List { asked: asked @ false, .. } => {
                *asked = true;
                Poll::Ready(Reader::Asks)
            }
            Outbox::List { outcomes, taken, .. } => {
                let new = outcomes.len() - *taken;
                *taken = outcomes.len();
                if new > 0 { Poll::Ready(Reader::Took(count(new))) } else { Poll::Pending }
            }
            Outbox::Stream { writer, waiting } => writer.poll(now, cx, waiting),
        }
    }

    /// Tells the reader that nothing more comes.
    pub(crate) fn close(&mut self) {
        if let Outbox::Stream { writer, .. } = self {
            *writer = Writer::Gone;
        }
    }

    /// What was collected for a caller that takes everything at once.
    pub(crate) fn into_list(self) -> Vec<Outcome> {
        match self {
            Outbox::List { outcomes, .. } => outcomes,
            Outbox::Stream { .. } => Vec::new(),
        }
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
        Poll::Ready(if taken > 0 { Reader::Took(count(taken)) } else { Reader::Asks })
    }
}

async fn write(mut writer: StreamWriter<Outcome>, outcomes: Vec<Outcome>) -> Written {
    let (result, left) = writer.write(outcomes).await;
    let taken = if let StreamResult::Complete(taken) = result { taken } else { 0 };
    Written { writer, taken, left: left.into_vec(), result }
}

fn count(outcomes: usize) -> u32 {
    u32::try_from(outcomes).unwrap_or(u32::MAX)
}
