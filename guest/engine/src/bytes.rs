//! The window of bytes: what pending requests and untaken responses hold in memory, and which attempts may hold more.

use crate::event::AttemptId;
use crate::sorted::Sorted;
use std::collections::VecDeque;

/// Bytes of its response that an attempt may hold without asking: most bodies fit.
pub const FIRST_GRANT: u64 = 16 << 10;

/// Counts held bytes. While there is no room, nothing is started and no body grows, except one of each: so a batch
/// always finishes, and holds no more than its window and one body.
#[derive(Debug)]
pub(crate) struct Bytes {
    limit: u64,
    held: u64,
    /// Attempts that want to hold more of their bodies, and how much in all; oldest request first.
    wanting: Sorted<AttemptId, u64>,
    /// The sizes of outcomes that were emitted and not taken, in order.
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

    /// An attempt wants to hold this many bytes in all.
    pub(crate) fn want(&mut self, attempt: AttemptId, bytes: u64) {
        self.wanting.insert(attempt, bytes);
    }

    /// An attempt has ended.
    pub(crate) fn forget(&mut self, attempt: AttemptId) {
        self.wanting.remove(&attempt);
    }

    /// The attempt of the oldest request that wants more, and how much.
    pub(crate) fn first_wanting(&self) -> Option<(AttemptId, u64)> {
        self.wanting.first().copied()
    }

    /// Whether all of the `in_flight` attempts are waiting for bytes, and no outcome will free any.
    pub(crate) fn is_stuck(&self, in_flight: u32) -> bool {
        self.untaken.is_empty() && self.wanting.len() >= in_flight as usize
    }

    /// An outcome was emitted. Its bytes are held already.
    pub(crate) fn handed_out(&mut self, bytes: u64) {
        self.untaken.push_back(bytes);
    }

    /// This many outcomes were taken.
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
