//! Events that tell an instance about its attempts before they have an answer.

use bytes::Bytes;
use futures::task::AtomicWaker;
use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};

/// The most attempt numbers retained for readers that lag, for all readers of one client together, 8 bytes each. Beyond that the oldest
/// are dropped.
pub const MAX_EVENTS: usize = 16_384;

/// How many past events a new reader receives: it may have been started after the first attempts that it is for.
const REPLAYED_EVENTS: u64 = 4_096;

/// Bytes of one chunk of the body, at which no further line is added.
const CHUNK_BYTES: usize = 16 * 1024;

/// Tells its readers which attempts are being sent.
#[derive(Default)]
pub(crate) struct Events(Mutex<Log>);

#[derive(Default)]
struct Log {
    numbers: VecDeque<u64>,
    /// How many were dropped before the first that is retained.
    dropped: u64,
    readers: Vec<Weak<AtomicWaker>>,
}

/// The body of the response to a request for events: one line per attempt, without end.
pub(crate) struct EventBody {
    events: Arc<Events>,
    /// How many events it has read or skipped.
    position: u64,
    waker: Arc<AtomicWaker>,
}

impl Events {
    /// Records that the attempt with this number is being sent.
    pub(crate) fn sending(&self, number: u64) {
        let mut log = self.log();
        if log.numbers.len() >= MAX_EVENTS {
            log.numbers.pop_front();
            log.dropped += 1;
        }
        log.numbers.push_back(number);
        log.readers.iter().filter_map(Weak::upgrade).for_each(|reader| reader.wake());
    }

    /// A reader of all events from now on, and of the last [`REPLAYED_EVENTS`] before.
    pub(crate) fn subscribe(self: &Arc<Self>) -> EventBody {
        let waker = Arc::<AtomicWaker>::default();
        let mut log = self.log();
        log.readers.retain(|reader| reader.strong_count() > 0);
        log.readers.push(Arc::downgrade(&waker));
        let end = log.dropped + log.numbers.len() as u64;
        EventBody { events: Arc::clone(self), position: end.saturating_sub(REPLAYED_EVENTS), waker }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        // No code panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventBody {
    pub(crate) fn poll_chunk(&mut self, cx: &Context<'_>) -> Poll<Bytes> {
        self.waker.register(cx.waker());
        let log = self.events.log();
        self.position = self.position.max(log.dropped);
        let skipped = usize::try_from(self.position - log.dropped).unwrap_or(usize::MAX);
        let mut text = String::new();
        for number in log.numbers.iter().skip(skipped) {
            if text.len() >= CHUNK_BYTES {
                break;
            }
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{number}");
            self.position += 1;
        }
        if text.is_empty() { Poll::Pending } else { Poll::Ready(Bytes::from(text)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    fn chunk(body: &mut EventBody) -> Option<String> {
        match body.poll_chunk(&Context::from_waker(Waker::noop())) {
            Poll::Ready(bytes) => Some(String::from_utf8(bytes.to_vec()).unwrap()),
            Poll::Pending => None,
        }
    }

    #[test]
    fn each_reader_gets_a_line_for_each_attempt_even_if_it_starts_a_little_late() {
        let events = Arc::<Events>::default();
        events.sending(1);
        let mut first = events.subscribe();
        events.sending(2);
        assert_eq!((chunk(&mut first).as_deref(), chunk(&mut first)), (Some("1\n2\n"), None));
        let mut second = events.subscribe();
        events.sending(30);
        assert_eq!(chunk(&mut first).as_deref(), Some("30\n"));
        assert_eq!(chunk(&mut second).as_deref(), Some("1\n2\n30\n"));
    }

    #[test]
    fn the_oldest_events_are_dropped_when_there_are_too_many() {
        let events = Arc::<Events>::default();
        let mut body = events.subscribe();
        for number in 0..=MAX_EVENTS as u64 {
            events.sending(number);
        }
        let mut lines = Vec::new();
        while let Some(chunk) = chunk(&mut body) {
            assert!(chunk.len() < CHUNK_BYTES + 20);
            lines.extend(chunk.lines().map(str::to_owned).collect::<Vec<_>>());
        }
        assert_eq!((lines.len(), lines[0].as_str()), (MAX_EVENTS, "1"));
        assert_eq!(chunk(&mut events.subscribe()).unwrap().lines().next(), Some("12289"), "only the last few");
    }

    #[test]
    fn dropped_readers_are_removed() {
        let events = Arc::<Events>::default();
        (0..100).for_each(|_| drop(events.subscribe()));
        let _reader = events.subscribe();
        assert_eq!(events.log().readers.len(), 1);
    }
}
