//! Outcomes to standard output, a line each.

use std::io;
use tokio::io::{AsyncWriteExt, BufWriter, Stdout};

/// Standard output, written to without holding up anything else.
pub(crate) struct Output {
    stdout: BufWriter<Stdout>,
}

impl Output {
    pub(crate) fn new() -> Self {
        Self { stdout: BufWriter::with_capacity(64 * 1024, tokio::io::stdout()) }
    }

    /// Writes outcomes and sees to it that they are out. An error means that nobody reads them any more.
    pub(crate) async fn write(&mut self, outcomes: Vec<fantail_wire::Outcome>) -> io::Result<()> {
        for outcome in outcomes {
            let mut line = fantail_wire::outcome_to_json(outcome);
            line.push('\n');
            self.stdout.write_all(line.as_bytes()).await?;
        }
        self.stdout.flush().await
    }
}
