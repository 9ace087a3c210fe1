//! Which attempts may have been sent over a connection that the origin had closed in the meantime.

/// Counts the connections to an origin that a host may have kept open. Hosts do not say which connection they use, so
/// this is an estimate: an answer read to its end may leave an idle connection, and an attempt may take one. A
/// connection that has been idle for long may turn out to be closed just when it is used.
#[derive(Debug, Default)]
pub(crate) struct IdleConnections(u32);

/// No host keeps more.
const MAX: u32 = 4_096;

impl IdleConnections {
    /// An answer has arrived; a body that was handed out is assumed to be read to its end.
    pub(crate) fn add(&mut self) {
        self.0 = (self.0 + 1).min(MAX);
    }

    /// An attempt starts. Returns whether it may use an idle connection.
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
    fn as_many_may_be_taken_as_were_added() {
        let mut idle = IdleConnections::default();
        assert!(!idle.take());
        idle.add();
        idle.add();
        assert_eq!([idle.take(), idle.take(), idle.take()], [true, true, false]);
    }
}
