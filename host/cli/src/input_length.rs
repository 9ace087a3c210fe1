//! How many requests an input file has, for the progress bar: counted beside the run, which does not wait for it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Bytes beyond which a file is not counted: that would take longer than it tells.
const MAX_BYTES: u64 = 1 << 30;

/// The lines of a file that are neither blank nor comments. None if it is no ordinary file, too long, or cannot be read.
pub(crate) fn count_lines(path: &Path) -> Option<u64> {
    // A pipe would lose what is read of it.
    if !std::fs::metadata(path).ok().filter(|file| file.len() <= MAX_BYTES)?.is_file() {
        return None;
    }
    count(BufReader::with_capacity(256 * 1024, File::open(path).ok()?.take(MAX_BYTES)))
}

fn count(mut source: impl BufRead) -> Option<u64> {
    // The first byte of the present line that is no white space: a line may reach over several blocks.
    let (mut lines, mut first) = (0, None);
    let is_request = |first: Option<u8>| u64::from(first.is_some_and(|first| first != b'#'));
    loop {
        let block = source.fill_buf().ok()?;
        if block.is_empty() {
            return Some(lines + is_request(first));
        }
        let mut pieces = block.split(|byte| *byte == b'\n');
        let rest = pieces.next().unwrap_or_default();
        first = first.or_else(|| visible(rest));
        for piece in pieces {
            lines += is_request(first);
            first = visible(piece);
        }
        let length = block.len();
        source.consume(length);
    }
}

fn visible(piece: &[u8]) -> Option<u8> {
    piece.iter().copied().find(|byte| !byte.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_and_comments_do_not_count() {
        let text = "http://a.test/\n\n  \r\n# no\nhttp://b.test/\r\nhttp://c.test/";
        for capacity in [1024, 7] {
            assert_eq!(count(BufReader::with_capacity(capacity, text.as_bytes())), Some(3));
        }
        assert_eq!(count(BufReader::new(&b""[..])), Some(0));
    }
}
