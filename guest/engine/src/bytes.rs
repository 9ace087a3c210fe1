//! The window of bytes: what the requests under way and the responses that were not taken hold in memory, and who may hold more.

use crate::event::AttemptId;
use crate::sorted::Sorted;
use std::collections::VecDeque;

/// Bytes that an attempt may hold of its response without asking: what most bodies fit into.
pub const FIRST_GRANT: u64 = 16 << 10;

/// Counts them. While there is no room nothing is started, and no body goes on growing, but one at least of each: so that a batch always comes to
/// its end, and holds no more than its window and one body.
#[derive(Debug)]
pub(crate) struct Bytes {
    limit: u64,
    held: u64,
    /// Attempts whose bodies want to hold so much, the oldest request first.
    wanting: Sorted<AttemptId, u64>,
    /// The sizes of outcomes that were handed out and not taken, in order.
    untaken: VecDeque<u64>,
}

impl Bytes {
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, held: 0, wanting: Sorted::default(), untaken: VecDeque::new() }
    }

    /// Bytes that are held now.
    pub(crate) fn held(&self) -> u64 {
        self.held
    }

    pub(crate) fn has_room(&self, bytes: u64) -> bool {
        self.held.saturating_add(bytes) <= self.limit
    }

    pub(crate) fn hold(&mut self, bytes: u64) {
        self.held = self.held.saturating_add(bytes);
    }

    pub(crate) fn release(&mut self, bytes: u64) {
        self.held = self.held.saturating_sub(bytes);
    }

    /// An attempt wants to hold so many in all.
    pub(crate) fn want(&mut self, attempt: AttemptId, bytes: u64) {
        self.wanting.insert(attempt, bytes);
    }

    /// An attempt is over.
    pub(crate) fn forget(&mut self, attempt: AttemptId) {
        self.wanting.remove(&attempt);
    }

    /// The attempt that has wanted more longest, and how much.
    pub(crate) fn first_wanting(&self) -> Option<(AttemptId, u64)> {
        self.wanting.first().copied()
    }

    /// Whether nothing can go on but what wants more, of `in_flight` attempts.
    pub(crate) fn is_stuck(&self, in_flight: u32) -> bool {
        self.untaken.is_empty() && self.wanting.len() >= in_flight as usize
    }

    /// An outcome was handed out, whose bytes are held already.
    pub(crate) fn handed_out(&mut self, bytes: u64) {
        self.untaken.push_back(bytes);
    }

    /// So many of them were taken.
    pub(crate) fn taken(&mut self, count: u32) {
        let count = self.untaken.len().min(count as usize);
        let bytes: u64 = self.untaken.drain(..count).sum();
        self.release(bytes);
    }

    /// Entries of all kinds.
    pub(crate) fn entries(&self) -> usize {
        self.wanting.len() + self.untaken.len()
    }
}
