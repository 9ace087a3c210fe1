//! An outcome that is ready to be written.

use fantail_wire as wire;

/// An outcome that is ready to be written.
pub(crate) struct Stored {
    pub(crate) outcome: wire::Outcome,
    /// What belongs to its request.
    pub(crate) context: wire::Context,
    /// Bytes of its body that were stored, which the component has not counted.
    pub(crate) bytes: u64,
}
