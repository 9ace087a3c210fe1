//! Reads rows of CSV and TSV, of bounded length.

use super::line_reader::MAX_LINE;
use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use std::io;
use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// The most cells of a row.
const MAX_CELLS: usize = 4_096;

/// The cells of one row.
pub(crate) struct Row {
    /// The line on which it begins, from 1.
    pub(crate) line: u64,
    /// What there is in each column, or why it cannot be read.
    pub(crate) cells: Result<Vec<String>, String>,
}

/// Rows, read one by one.
pub(crate) struct Rows<S> {
    source: S,
    /// Whether anything was read.
    begun: bool,
    reader: Reader,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl<S: AsyncBufRead + Unpin> Rows<S> {
    pub(crate) fn new(source: S, delimiter: u8) -> Self {
        let reader = ReaderBuilder::new().delimiter(delimiter).build();
        Self { source, begun: false, reader, bytes: vec![0; 4_096], ends: vec![0; 64] }
    }

    /// The next row that is not blank.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Row>> {
        let (mut length, mut count, mut too_long, mut at_end) = (0, 0, false, false);
        loop {
            let input = self.source.fill_buf().await?;
            // The reader would take a mark that comes alone for the end of the input.
            if !std::mem::replace(&mut self.begun, true) && input.starts_with(b"\xef\xbb\xbf") {
                self.source.consume(3);
                continue;
            }
            at_end |= input.is_empty();
            let bytes = self.bytes.get_mut(length..).unwrap_or_default();
            let ends = self.ends.get_mut(count..).unwrap_or_default();
            let (result, read, written, ended) = self.reader.read_record(input, bytes, ends);
            self.source.consume(read);
            (length, count) = (length + written, count + ended);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if length < MAX_LINE => self.bytes.resize(2 * length.max(1), 0),
                ReadRecordResult::OutputEndsFull if count < MAX_CELLS => self.ends.resize(2 * count.max(1), 0),
                // What there is of it is overwritten.
                ReadRecordResult::OutputFull => (length, too_long) = (0, true),
                ReadRecordResult::OutputEndsFull => (count, too_long) = (0, true),
                ReadRecordResult::End => return Ok(None),
                ReadRecordResult::Record => {
                    let after = self.reader.line() + u64::from(at_end);
                    let cells = if too_long { Err(too_long_row()) } else { self.cells(length, count) };
                    let feeds = self.bytes.get(..length).unwrap_or_default();
                    let feeds = feeds.iter().filter(|byte| **byte == b'\n').count() as u64;
                    return Ok(Some(Row { line: after.saturating_sub(1 + feeds).max(1), cells }));
                }
            }
        }
    }

    fn cells(&self, length: usize, count: usize) -> Result<Vec<String>, String> {
        let bytes = self.bytes.get(..length).unwrap_or_default();
        let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())?;
        let mut from = 0;
        let cells = self.ends.iter().take(count).map(|end| {
            let cell = text.get(from..*end);
            from = *end;
            // A cell ends within a character only if that is broken in the file, joined by the next cell.
            cell.map(str::to_owned).ok_or_else(|| "not UTF-8".to_owned())
        });
        cells.collect()
    }
}

fn too_long_row() -> String {
    format!("longer than {MAX_LINE} bytes or {MAX_CELLS} cells, skipped: is a quotation mark not closed?")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn rows(text: &[u8]) -> Vec<(u64, Result<Vec<String>, String>)> {
        let mut rows = Rows::new(tokio::io::BufReader::with_capacity(3, text), b',');
        let mut all = Vec::new();
        while let Some(row) = rows.next().await.unwrap() {
            all.push((row.line, row.cells));
        }
        all
    }

    fn row(line: u64, cells: &[&str]) -> (u64, Result<Vec<String>, String>) {
        (line, Ok(cells.iter().map(|&cell| cell.to_owned()).collect()))
    }

    #[tokio::test]
    async fn rows_have_the_line_on_which_they_begin() {
        let text = b"\xef\xbb\xbfa,b\r\n\r\n\"x\n,\"\"y\",2\n3,4,\n5";
        let expected = [row(1, &["a", "b"]), row(3, &["x\n,\"y", "2"]), row(5, &["3", "4", ""]), row(6, &["5"])];
        assert_eq!(rows(text).await, expected);
    }

    #[tokio::test]
    async fn a_row_beyond_the_limits_is_skipped_as_a_whole() {
        let text = ["1\n", &"x".repeat(MAX_LINE + 10), "\n", &",".repeat(MAX_CELLS + 1), "\n2\n"].concat();
        let found = rows(text.as_bytes()).await;
        assert_eq!((found.len(), &found[0], &found[3]), (4, &row(1, &["1"]), &row(4, &["2"])));
        assert!(found[1].1.is_err() && found[2].1.is_err());
    }

    #[tokio::test]
    async fn bytes_that_are_not_utf_8_are_said() {
        assert_eq!(rows(b"\xff,b\n").await, [(1, Err("not UTF-8".to_owned()))]);
    }
}
