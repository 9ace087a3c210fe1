//! Prints outcomes to standard output, in one of several formats.

mod csv;
mod format;
mod options;
mod table;

pub(crate) use format::Format;
pub(crate) use options::{Display, OutputOptions};

use self::csv::Csv;
use self::table::Table;
use super::blocking::blocking;
use super::sink::Sink;
use super::store::Stored;
use fantail_wire::write_outcome_with;
use indicatif::ProgressBar;
use std::io;
use std::io::Write;
use tokio::io::{AsyncWriteExt, Stdout};

/// Bytes of printed outcomes after which they are written, even if more are at hand.
const BLOCK_BYTES: usize = 64 * 1024;

/// Prints outcomes to standard output.
pub(crate) struct Output {
    printer: Printer,
    block: Vec<u8>,
    stdout: Stdout,
    /// A progress bar on the same terminal, which makes room while outcomes are written.
    bar: Option<ProgressBar>,
}

/// A format, with what it needs.
enum Printer {
    Ndjson,
    Table(Table),
    Csv(Csv),
}

impl Output {
    pub(crate) fn new(format: Format, bar: Option<ProgressBar>) -> Self {
        let printer = match format {
            Format::Ndjson => Printer::Ndjson,
            Format::Table => Printer::Table(Table::new()),
            Format::Csv => Printer::Csv(Csv::default()),
        };
        Self { printer, block: Vec::new(), stdout: tokio::io::stdout(), bar: bar.filter(|_| Format::is_for_people()) }
    }

    /// Writes what was printed so far.
    async fn write(&mut self) -> io::Result<()> {
        let block = std::mem::take(&mut self.block);
        match &self.bar {
            None => {
                self.stdout.write_all(&block).await?;
                self.stdout.flush().await
            }
            Some(bar) => {
                let bar = bar.clone();
                let writing = move || {
                    bar.suspend(|| {
                        let mut stdout = io::stdout().lock();
                        stdout.write_all(&block)?;
                        stdout.flush()
                    })
                };
                blocking(writing).await
            }
        }
    }
}

impl Sink for Output {
    async fn take(&mut self, outcomes: Vec<Stored>) -> io::Result<()> {
        for stored in outcomes {
            match &mut self.printer {
                Printer::Ndjson => write_outcome_with(stored.outcome, stored.context, &mut self.block),
                Printer::Table(table) => table.print(&stored, &mut self.block),
                Printer::Csv(csv) => csv.print(&stored, &mut self.block)?,
            }
            if self.block.len() >= BLOCK_BYTES {
                self.write().await?;
            }
        }
        self.write().await
    }
}
