//! Which attempts may have been sent over a connection that the origin had closed meanwhile.

/// Counts the connections of an origin that a host may have kept open. No host says which connection it took, so this keeps a
/// book of its own: an answer read to its end may leave one, and an attempt may take one. What is kept for a long time is what
/// turns out to be closed just when it is used.
#[derive(Debug, Default)]
pub(crate) struct IdleConnections(u32);

/// More are not kept by anyone.
const MOST: u32 = 4_096;

impl IdleConnections {
    /// An answer has come; one that was handed out is taken to be read to its end.
    pub(crate) fn leave(&mut self) {
        self.0 = (self.0 + 1).min(MOST);
    }

    /// An attempt is made; whether it may be over a kept connection.
    pub(crate) fn take(&mut self) -> bool {
        let before = self.0;
        self.0 = before.saturating_sub(1);
        before > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_may_be_taken_as_were_left() {
        let mut kept = IdleConnections::default();
        assert!(!kept.take());
        kept.leave();
        kept.leave();
        assert_eq!([kept.take(), kept.take(), kept.take()], [true, true, false]);
    }
}
