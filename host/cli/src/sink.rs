//! What each outcome passes on its way: observers, which look at it, then a sink, which writes it.

use super::store::Stored;
use fantail_wire::Body;
use std::io;

/// Looks at outcomes before they are written: counts, progress, a report.
pub(crate) trait Observe {
    /// Some outcomes, in the order in which they are written.
    fn observe(&mut self, outcomes: &[Stored]);
}

/// Writes outcomes.
pub(crate) trait Sink {
    /// Takes some outcomes. An error means that no more can be taken.
    async fn take(&mut self, outcomes: Vec<Stored>) -> io::Result<()>;

    /// Waits until everything is where it should be.
    async fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stored {
    /// The length of the body, if it was kept.
    pub(crate) fn body_bytes(&self) -> Option<u64> {
        match &self.outcome.result.as_ref().ok()?.body {
            Body::Absent => None,
            Body::Bytes(bytes) => Some(bytes.len() as u64),
            Body::File(_) => Some(self.bytes),
        }
    }
}
