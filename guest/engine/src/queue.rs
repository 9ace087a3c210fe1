//! Requests waiting for a slot, first come first served.

use crate::BodyMode;
use crate::event::Key;
use std::collections::VecDeque;

/// Two lines, because requests for unread bodies may have to wait while others go on. A request that ended while waiting
/// leaves its key behind; such keys are skipped, and cleared out before they outnumber the waiting.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    read: VecDeque<Key>,
    unread: VecDeque<Key>,
}

impl Queue {
    /// Adds a request. `waiting` tells which still wait, of which there are `count`.
    pub(crate) fn push(&mut self, key: Key, body: BodyMode, count: usize, waiting: impl Fn(Key) -> bool) {
        let line = self.line(body);
        if line.len() >= 64 + 2 * count {
            line.retain(|key| waiting(*key));
        }
        line.push_back(key);
    }

    /// The request that has waited longest and may go; those for unread bodies only if `unread_may_go`.
    pub(crate) fn pop(&mut self, unread_may_go: bool, waiting: impl Fn(Key) -> bool) -> Option<Key> {
        for line in [&mut self.read, &mut self.unread] {
            while line.front().is_some_and(|key| !waiting(*key)) {
                line.pop_front();
            }
        }
        let unread_goes = match (self.read.front(), self.unread.front()) {
            (_, None) => false,
            (None, Some(_)) => unread_may_go,
            (Some(read), Some(unread)) => unread_may_go && unread < read,
        };
        if unread_goes { self.unread.pop_front() } else { self.read.pop_front() }
    }

    fn line(&mut self, body: BodyMode) -> &mut VecDeque<Key> {
        match body {
            BodyMode::Discard | BodyMode::Bytes => &mut self.read,
            BodyMode::Unread => &mut self.unread,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn key(serial: u64) -> Key {
        Key { serial, slot: 0 }
    }

    #[test]
    fn who_waited_longest_goes_first_whatever_its_mode() {
        let mut queue = Queue::default();
        for (serial, body) in [(0, BodyMode::Unread), (1, BodyMode::Bytes), (2, BodyMode::Unread)] {
            queue.push(key(serial), body, 3, |_| true);
        }
        let order: Vec<_> = std::iter::from_fn(|| queue.pop(true, |_| true)).map(|key| key.serial).collect();
        assert_eq!(order, [0, 1, 2]);
    }

    #[test]
    fn requests_for_unread_bodies_do_not_hold_up_the_others() {
        let mut queue = Queue::default();
        queue.push(key(0), BodyMode::Unread, 2, |_| true);
        queue.push(key(1), BodyMode::Discard, 2, |_| true);
        assert_eq!(queue.pop(false, |_| true), Some(key(1)));
        assert_eq!(queue.pop(false, |_| true), None);
        assert_eq!(queue.pop(true, |_| true), Some(key(0)));
    }

    #[test]
    fn requests_that_expire_while_waiting_leave_no_pile() {
        let mut queue = Queue::default();
        for serial in 0..100_000 {
            queue.push(key(serial), BodyMode::Bytes, 10, |other| other.serial + 10 > serial);
            assert!(queue.read.len() <= 64 + 2 * 10 + 1);
        }
    }
}
