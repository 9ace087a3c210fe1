//! The body that `-d` and `--json` give.

use super::arguments::Http;
use std::io;
use std::path::{Path, PathBuf};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The most bytes of a body that is given by options. Each request in flight has a copy of it in the component's memory.
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// The body cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataError {
    #[error("cannot read {} for the body: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("the body of -d or --json has more than {} MiB, which is the most that is sent", MAX_BYTES >> 20)]
    TooLong,
    #[error("standard input cannot be both the body (@-) and the requests (--input -)")]
    StandardInputTwice,
}

/// The pieces of the body, and what is between them.
pub(crate) struct Data<'a> {
    pieces: &'a [String],
    separator: &'static [u8],
}

impl<'a> Data<'a> {
    pub(crate) fn of(http: &'a Http) -> Self {
        match http.json.is_empty() {
            true => Self { pieces: &http.data, separator: b"&" },
            false => Self { pieces: &http.json, separator: b"" },
        }
    }

    /// Whether it is read from standard input.
    pub(crate) fn is_standard_input(&self) -> bool {
        self.pieces.iter().any(|piece| piece == "@-")
    }

    /// The body, if there is one.
    pub(crate) async fn read(&self) -> Result<Option<Vec<u8>>, DataError> {
        let mut body = Vec::new();
        for (place, piece) in self.pieces.iter().enumerate() {
            if place > 0 {
                body.extend_from_slice(self.separator);
            }
            match piece.strip_prefix('@') {
                None => body.extend_from_slice(piece.as_bytes()),
                Some("-") => append(Path::new("standard input"), tokio::io::stdin(), &mut body).await?,
                Some(path) => {
                    let path = Path::new(path);
                    let opened = tokio::fs::File::open(path).await;
                    append(path, opened.map_err(|error| unreadable(path, error))?, &mut body).await?;
                }
            }
            if body.len() > MAX_BYTES {
                return Err(DataError::TooLong);
            }
        }
        Ok((!self.pieces.is_empty()).then_some(body))
    }
}

async fn append(path: &Path, source: impl AsyncRead + Unpin, body: &mut Vec<u8>) -> Result<(), DataError> {
    // One byte more than allowed shows that it is too long.
    let read = source.take(MAX_BYTES as u64 + 1).read_to_end(body).await;
    read.map(drop).map_err(|error| unreadable(path, error))
}

fn unreadable(path: &Path, error: io::Error) -> DataError {
    DataError::Read { path: path.to_owned(), error }
}
