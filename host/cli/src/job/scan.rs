//! Reads the outcomes of earlier runs.

use super::done::{Done, MAX_OUTCOMES};
use crate::key::Key;
use fantail_wire::{Recorded, WireError, recorded_from_json};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};

/// The most bytes of a line. The longest body that an outcome has is 64 MiB, which base64 makes 86 MiB.
const MAX_LINE: usize = 256 * 1024 * 1024;

/// The file is not one of outcomes that can be resumed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScanError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("line {0} is not an outcome: {1}")]
    Malformed(u64, WireError),
    #[error("line {0} is not an outcome: it is not UTF-8")]
    NotUtf8(u64),
    #[error("line {0} is longer than {MAX_LINE} bytes")]
    TooLong(u64),
    #[error("line {0} has no key that fits, so its request cannot be recognised: it was not written by this program")]
    NoKey(u64),
    #[error("it has more than {MAX_OUTCOMES} outcomes: split the input")]
    TooMany,
}

/// What is in a file.
#[derive(Default)]
pub(crate) struct Scan {
    pub(crate) done: Done,
    /// Outcomes whose requests are to be sent again.
    pub(crate) again: u64,
    /// Where the last complete line ends.
    pub(crate) end: u64,
}

/// Reads a file of outcomes. `again` says which are not final.
pub(crate) fn scan(file: &File, again: impl Fn(&Recorded) -> bool) -> Result<Scan, ScanError> {
    let mut scan = Scan::default();
    let (mut done, mut to_send) = (Done::default(), 0);
    scan.end = each_line(file, |number, line| {
        let recorded = recorded(number, line)?;
        if again(&recorded) {
            to_send += 1;
        } else if number > MAX_OUTCOMES {
            return Err(ScanError::TooMany);
        } else if recorded.key.is_some() || !is_end_of_input(&recorded) {
            let key = recorded.key.as_deref().and_then(Key::parse).ok_or(ScanError::NoKey(number))?;
            done.add(key);
        }
        Ok(())
    })?;
    Ok(Scan { done, again: to_send, ..scan })
}

/// Whether it says that the rest of the input could not be read, and so stands for no request.
fn is_end_of_input(recorded: &Recorded) -> bool {
    matches!(recorded.result, Err((fantail::Cause::InvalidRequest, _)))
}

/// What a line records.
pub(crate) fn recorded(number: u64, line: &[u8]) -> Result<Recorded, ScanError> {
    let text = std::str::from_utf8(line).map_err(|_| ScanError::NotUtf8(number))?;
    recorded_from_json(text).map_err(|error| ScanError::Malformed(number, error))
}

/// Hands over each line with its number, from 1, and its line feed. Returns where the last complete one ends.
pub(crate) fn each_line(
    mut file: &File,
    mut take: impl FnMut(u64, &[u8]) -> Result<(), ScanError>,
) -> Result<u64, ScanError> {
    file.rewind()?;
    let mut reader = BufReader::with_capacity(1024 * 1024, file);
    let (mut line, mut end) = (Vec::new(), 0);
    for number in 1.. {
        line.clear();
        (&mut reader).take(MAX_LINE as u64).read_until(b'\n', &mut line)?;
        match line.last() {
            Some(b'\n') => take(number, &line)?,
            _ if line.len() == MAX_LINE => return Err(ScanError::TooLong(number)),
            // A run that was killed may have left a part of its last line.
            Some(_) | None => break,
        }
        end += line.len() as u64;
    }
    Ok(end)
}
