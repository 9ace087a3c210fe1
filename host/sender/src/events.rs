//! What an instance is told of its attempts before they have an answer.

use bytes::Bytes;
use futures::task::AtomicWaker;
use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};

/// Numbers kept for readers that are behind, all of one client together, 8 bytes each. Beyond that the oldest are dropped.
pub const MOST_EVENTS: usize = 16_384;

/// How far back a reader begins: it may have been started after the first attempts it is for.
const BEFORE: u64 = 4_096;

/// Bytes of one piece of the body.
const PIECE: usize = 16 * 1024;

/// Tells whoever reads it which attempts have been begun to be sent.
#[derive(Default)]
pub(crate) struct Events(Mutex<Log>);

#[derive(Default)]
struct Log {
    numbers: VecDeque<u64>,
    /// How many were dropped before the first that is kept.
    dropped: u64,
    readers: Vec<Weak<AtomicWaker>>,
}

/// The body of the response to a request for events. It does not end.
pub(crate) struct EventBody {
    events: Arc<Events>,
    /// How many it has read or passed over.
    read: u64,
    waker: Arc<AtomicWaker>,
}

impl Events {
    /// The attempt with this number is being sent.
    pub(crate) fn sending(&self, number: u64) {
        let mut log = self.log();
        if log.numbers.len() >= MOST_EVENTS {
            log.numbers.pop_front();
            log.dropped += 1;
        }
        log.numbers.push_back(number);
        log.readers.iter().filter_map(Weak::upgrade).for_each(|reader| reader.wake());
    }

    /// A reader of all that is sent from now on, and of the last few before.
    pub(crate) fn read(self: &Arc<Self>) -> EventBody {
        let waker = Arc::<AtomicWaker>::default();
        let mut log = self.log();
        log.readers.retain(|reader| reader.strong_count() > 0);
        log.readers.push(Arc::downgrade(&waker));
        let end = log.dropped + log.numbers.len() as u64;
        EventBody { events: Arc::clone(self), read: end.saturating_sub(BEFORE), waker }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        // Nothing in here panics half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventBody {
    pub(crate) fn poll_piece(&mut self, cx: &Context<'_>) -> Poll<Bytes> {
        self.waker.register(cx.waker());
        let log = self.events.log();
        self.read = self.read.max(log.dropped);
        let behind = usize::try_from(self.read - log.dropped).unwrap_or(usize::MAX);
        let mut text = String::new();
        for number in log.numbers.iter().skip(behind) {
            if text.len() >= PIECE {
                break;
            }
            // A string takes whatever is written.
            let _ = writeln!(text, "{number}");
            self.read += 1;
        }
        if text.is_empty() { Poll::Pending } else { Poll::Ready(Bytes::from(text)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    fn piece(body: &mut EventBody) -> Option<String> {
        match body.poll_piece(&Context::from_waker(Waker::noop())) {
            Poll::Ready(bytes) => Some(String::from_utf8(bytes.to_vec()).unwrap()),
            Poll::Pending => None,
        }
    }

    #[test]
    fn each_reader_has_a_line_for_each_attempt_even_if_it_comes_a_little_late() {
        let events = Arc::<Events>::default();
        events.sending(1);
        let mut first = events.read();
        events.sending(2);
        assert_eq!((piece(&mut first).as_deref(), piece(&mut first)), (Some("1\n2\n"), None));
        let mut second = events.read();
        events.sending(30);
        assert_eq!(piece(&mut first).as_deref(), Some("30\n"));
        assert_eq!(piece(&mut second).as_deref(), Some("1\n2\n30\n"));
    }

    #[test]
    fn of_more_than_are_kept_the_oldest_are_dropped() {
        let events = Arc::<Events>::default();
        let mut body = events.read();
        for number in 0..=MOST_EVENTS as u64 {
            events.sending(number);
        }
        let mut lines = Vec::new();
        while let Some(piece) = piece(&mut body) {
            assert!(piece.len() < PIECE + 20);
            lines.extend(piece.lines().map(str::to_owned).collect::<Vec<_>>());
        }
        assert_eq!((lines.len(), lines[0].as_str()), (MOST_EVENTS, "1"));
        assert_eq!(piece(&mut events.read()).unwrap().lines().next(), Some("12289"), "only the last few");
    }

    #[test]
    fn readers_that_have_left_are_forgotten() {
        let events = Arc::<Events>::default();
        (0..100).for_each(|_| drop(events.read()));
        let _reader = events.read();
        assert_eq!(events.log().readers.len(), 1);
    }
}
