//! Writes one body.

use super::place::Numbers;
use super::unfinished::Unfinished;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A body on its way to a file. Everything here blocks.
pub(crate) struct Writer {
    file: Option<Unfinished>,
    hash: Option<Sha256>,
    length: u64,
}

impl Writer {
    pub(crate) fn new(with_hash: bool) -> Self {
        Self { file: None, hash: with_hash.then(Sha256::new), length: 0 }
    }

    /// Appends bytes. The first of them make the file in `folder`.
    pub(crate) fn write(&mut self, folder: &Path, bytes: &[u8]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(Unfinished::create(folder)?),
        };
        file.file().write_all(bytes)?;
        self.length += bytes.len() as u64;
        if let Some(hash) = &mut self.hash {
            hash.update(bytes);
        }
        Ok(())
    }

    /// The hash of what was written, in hexadecimal digits; empty if it was not asked for.
    pub(crate) fn hash(&mut self) -> String {
        let hash = self.hash.take().map(Digest::finalize);
        hash.iter().flatten().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Gives the complete file a name.
    pub(crate) fn place(self, numbers: &Numbers, path: &Path, sync: bool) -> io::Result<PathBuf> {
        let mut file = self.file.ok_or(io::ErrorKind::NotFound)?;
        if sync {
            file.file().sync_all()?;
        }
        let placed = numbers.place(&mut file, path, self.length)?;
        if sync && let Some(folder) = placed.parent() {
            // A file that was there before may not be on disk either.
            File::open(&placed)?.sync_all()?;
            File::open(folder)?.sync_all()?;
        }
        Ok(placed)
    }
}
