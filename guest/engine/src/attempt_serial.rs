//! The names by which origins know batches and their attempts.

/// Names an attempt: which one it was of all that were made to any origin. A result with one that is too small is of before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AttemptSerial(pub(crate) u64);

/// Names a batch, as long as it waits for an origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BatchId(pub(crate) u64);
