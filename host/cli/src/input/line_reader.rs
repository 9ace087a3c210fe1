//! Reads lines of bounded length.

use std::io;
use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// The most bytes of one line. A longer line is skipped, and its outcome says so.
pub(crate) const MAX_LINE: usize = 1024 * 1024;

pub(crate) enum Line {
    Complete,
    /// Skipped to its end.
    TooLong,
    End,
}

/// Reads up to the next line feed, keeping at most [`MAX_LINE`] bytes.
pub(crate) async fn read_line(source: &mut (impl AsyncBufRead + Unpin), line: &mut Vec<u8>) -> io::Result<Line> {
    let mut too_long = false;
    loop {
        let available = source.fill_buf().await?;
        if available.is_empty() {
            return Ok(match (too_long, line.is_empty()) {
                (true, _) => Line::TooLong,
                (false, true) => Line::End,
                (false, false) => Line::Complete,
            });
        }
        let end = available.iter().position(|byte| *byte == b'\n');
        let chunk = available.get(..end.unwrap_or(available.len())).unwrap_or_default();
        too_long |= line.len() + chunk.len() > MAX_LINE;
        if !too_long {
            line.extend_from_slice(chunk);
        }
        let consumed = end.map_or(chunk.len(), |end| end + 1);
        source.consume(consumed);
        if end.is_some() {
            return Ok(if too_long { Line::TooLong } else { Line::Complete });
        }
    }
}
