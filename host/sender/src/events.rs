//! What an instance is told of its attempts before they have an answer.

use bytes::Bytes;
use futures::task::AtomicWaker;
use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};

/// Numbers kept for a reader that does not read, 8 bytes each. Beyond that the oldest are dropped.
pub const MOST_EVENTS: usize = 16_384;

/// Readers at once. One more is refused.
pub const MOST_READERS: usize = 64;

/// Bytes of one piece of the body.
const PIECE: usize = 16 * 1024;

/// Tells whoever reads it that an attempt which had to wait is being sent now. With no reader nothing is kept.
#[derive(Default)]
pub(crate) struct Events {
    readers: Mutex<Vec<Weak<Queue>>>,
}

#[derive(Default)]
struct Queue {
    numbers: Mutex<VecDeque<u64>>,
    reader: AtomicWaker,
}

/// The body of the response to a request for events. It does not end.
pub(crate) struct EventBody(Arc<Queue>);

impl Events {
    /// A reader of all that is sent from now on; none if there are too many.
    pub(crate) fn read(&self) -> Option<EventBody> {
        let mut readers = lock(&self.readers);
        readers.retain(|reader| reader.strong_count() > 0);
        let queue = Arc::<Queue>::default();
        let added = readers.len() < MOST_READERS;
        added.then(|| {
            readers.push(Arc::downgrade(&queue));
            EventBody(queue)
        })
    }

    /// The attempt with this number, which had to wait, is being sent.
    pub(crate) fn sending(&self, number: u64) {
        for queue in lock(&self.readers).iter().filter_map(Weak::upgrade) {
            let mut numbers = lock(&queue.numbers);
            if numbers.len() >= MOST_EVENTS {
                numbers.pop_front();
            }
            numbers.push_back(number);
            drop(numbers);
            queue.reader.wake();
        }
    }
}

impl EventBody {
    pub(crate) fn poll_piece(&self, cx: &Context<'_>) -> Poll<Bytes> {
        self.0.reader.register(cx.waker());
        let mut numbers = lock(&self.0.numbers);
        let mut text = String::new();
        while text.len() < PIECE
            && let Some(number) = numbers.pop_front()
        {
            // A string takes whatever is written.
            let _ = writeln!(text, "{number}");
        }
        if text.is_empty() { Poll::Pending } else { Poll::Ready(Bytes::from(text)) }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that is done under these locks panics half-way through a change.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    fn piece(body: &EventBody) -> Option<String> {
        match body.poll_piece(&Context::from_waker(Waker::noop())) {
            Poll::Ready(bytes) => Some(String::from_utf8(bytes.to_vec()).unwrap()),
            Poll::Pending => None,
        }
    }

    #[test]
    fn each_reader_has_a_line_for_each_attempt_that_is_sent_while_it_reads() {
        let events = Events::default();
        events.sending(1);
        let first = events.read().unwrap();
        events.sending(2);
        let second = events.read().unwrap();
        events.sending(30);
        assert_eq!((piece(&first).as_deref(), piece(&first)), (Some("2\n30\n"), None));
        assert_eq!(piece(&second).as_deref(), Some("30\n"));
    }

    #[test]
    fn of_more_than_are_kept_the_oldest_are_dropped() {
        let events = Events::default();
        let body = events.read().unwrap();
        for number in 0..=MOST_EVENTS as u64 {
            events.sending(number);
        }
        let mut lines = Vec::new();
        while let Some(piece) = piece(&body) {
            lines.extend(piece.lines().map(str::to_owned).collect::<Vec<_>>());
        }
        assert_eq!((lines.len(), lines[0].as_str()), (MOST_EVENTS, "1"));
    }

    #[test]
    fn readers_are_limited_and_one_that_left_makes_room() {
        let events = Events::default();
        let mut readers: Vec<_> = (0..MOST_READERS).map(|_| events.read().unwrap()).collect();
        assert!(events.read().is_none());
        readers.pop();
        assert!(events.read().is_some());
    }
}
