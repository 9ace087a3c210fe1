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
    let (mut lines, mut is_counted) = (0, false);
    loop {
        let block = source.fill_buf().ok()?;
        if block.is_empty() {
            return Some(lines + u64::from(is_counted));
        }
        let mut rest = block;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = rest.split_at(end);
            lines += u64::from(is_counted || counts(line));
            (is_counted, rest) = (false, after.get(1..).unwrap_or_default());
        }
        is_counted |= counts(rest);
        let length = block.len();
        source.consume(length);
    }
}

fn counts(line: &[u8]) -> bool {
    line.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|first| *first != b'#')
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
