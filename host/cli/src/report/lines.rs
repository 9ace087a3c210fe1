//! Reads lines of bounded length.

use std::io;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// The most bytes of one line: 128 MiB. An outcome with a body of the largest size that can be kept fits.
pub(crate) const MAX_LINE: u64 = 128 * 1024 * 1024;

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    Line,
    /// A line that is too long, skipped to its end.
    TooLong,
    End,
}

/// Reads the next line into `line`, keeping at most `max` bytes.
pub(crate) async fn read_line(
    source: &mut (impl AsyncBufRead + Unpin),
    line: &mut Vec<u8>,
    max: u64,
) -> io::Result<Read> {
    line.clear();
    if source.take(max).read_until(b'\n', line).await? == 0 {
        return Ok(Read::End);
    }
    if line.ends_with(b"\n") || (line.len() as u64) < max {
        return Ok(Read::Line);
    }
    loop {
        line.clear();
        let read = source.take(max).read_until(b'\n', line).await?;
        if read == 0 || line.ends_with(b"\n") {
            return Ok(Read::TooLong);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_that_is_too_long_is_skipped_and_the_next_one_read() {
        let mut source: &[u8] = b"ab\n\nabcdefghijkl\ncd\nabcdefgh";
        let (mut line, mut seen) = (Vec::new(), Vec::new());
        loop {
            match read_line(&mut source, &mut line, 4).await.unwrap() {
                Read::Line => seen.push(String::from_utf8(line.clone()).unwrap()),
                Read::TooLong => seen.push("too long".to_owned()),
                Read::End => break,
            }
        }
        assert_eq!(seen, ["ab\n", "\n", "too long", "cd\n", "too long"]);
    }
}
