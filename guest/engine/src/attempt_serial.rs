//! The numbers by which origins identify attempts and batches.

/// The number of an attempt among all attempts to all origins. Results of attempts that are too old for a decision are
/// recognised by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AttemptSerial(pub(crate) u64);

/// Identifies a batch that waits for an origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BatchId(pub(crate) u64);
