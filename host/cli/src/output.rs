//! Writes outcomes to standard output, one line each.

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

    /// Writes outcomes and flushes them.
    pub(crate) async fn write(&mut self, outcomes: Vec<fantail_wire::Outcome>) -> io::Result<()> {
        for outcome in outcomes {
            let mut line = fantail_wire::outcome_to_json(outcome);
            line.push('\n');
            self.stdout.write_all(line.as_bytes()).await?;
        }
        self.stdout.flush().await
    }
}
