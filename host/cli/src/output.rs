//! Writes outcomes to standard output, one line each.

use super::run::Sink;
use super::store::Stored;
use fantail_wire::write_outcome_with;
use std::io;
use tokio::io::{AsyncWriteExt, BufWriter, Stdout};

/// Buffered standard output, written asynchronously.
pub(crate) struct Output {
    stdout: BufWriter<Stdout>,
}

impl Output {
    pub(crate) fn new() -> Self {
        Self { stdout: BufWriter::with_capacity(64 * 1024, tokio::io::stdout()) }
    }
}

impl Sink for Output {
    /// Writes outcomes and flushes them.
    async fn take(&mut self, outcomes: Vec<Stored>) -> io::Result<()> {
        let mut line = Vec::new();
        for Stored { outcome, context, .. } in outcomes {
            line.clear();
            write_outcome_with(outcome, context, &mut line);
            self.stdout.write_all(&line).await?;
        }
        self.stdout.flush().await
    }
}
