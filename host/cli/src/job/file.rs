//! The file that outcomes are appended to.

use super::done::Done;
use super::scan::{ScanError, each_line, recorded, scan};
use crate::blocking::blocking;
use crate::sink::Sink;
use crate::store::{Stored, Unfinished};
use fantail_wire::{Recorded, write_outcome_with};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long outcomes may be written and not yet on disk, unless each is synced. A kill does not lose these, but a power failure does.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// The file cannot be written or continued.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub(crate) struct JobError {
    path: PathBuf,
    reason: Reason,
}

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("not a regular file: without --output, outcomes go to standard output")]
    NotAFile,
    #[error("another run is writing to it")]
    Locked,
    #[error("there are outcomes in it already: continue it with --resume, or choose another name")]
    NotEmpty,
    #[error("{0}")]
    Scan(#[from] ScanError),
}

/// A file that outcomes are appended to. No other run can write to it meanwhile.
pub(crate) struct OutputFile {
    file: Arc<File>,
    sync_each: bool,
    synced: Instant,
    /// The file that was replaced: its lock holds off those that had opened it before.
    _replaced: Option<File>,
}

impl OutputFile {
    /// Opens a file. If it may have outcomes, takes those out whose requests are sent `again`, and returns the others.
    pub(crate) fn open(
        path: &Path,
        resumes: bool,
        sync_each: bool,
        again: impl Fn(&Recorded) -> bool,
    ) -> Result<(Self, Done), JobError> {
        let opened = try_open(path, resumes, again);
        let (file, replaced, done) = opened.map_err(|reason| JobError { path: path.to_owned(), reason })?;
        Ok((Self { file: Arc::new(file), sync_each, synced: Instant::now(), _replaced: replaced }, done))
    }
}

impl Sink for OutputFile {
    /// Appends a line for each outcome.
    async fn take(&mut self, outcomes: Vec<Stored>) -> io::Result<()> {
        let mut lines = Vec::new();
        for Stored { outcome, context, .. } in outcomes {
            write_outcome_with(outcome, context, &mut lines);
        }
        let sync = self.sync_each || self.synced.elapsed() >= SYNC_EVERY;
        let file = Arc::clone(&self.file);
        blocking(move || {
            (&*file).write_all(&lines)?;
            if sync { file.sync_data() } else { Ok(()) }
        })
        .await?;
        if sync {
            self.synced = Instant::now();
        }
        Ok(())
    }

    /// Waits until everything is on disk.
    async fn finish(&mut self) -> io::Result<()> {
        let file = Arc::clone(&self.file);
        blocking(move || file.sync_all()).await
    }
}

fn try_open(
    path: &Path,
    resumes: bool,
    again: impl Fn(&Recorded) -> bool,
) -> Result<(File, Option<File>, Done), Reason> {
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(Reason::NotAFile);
    }
    lock(&file)?;
    // Another run may have written to it before it was locked.
    let length = file.metadata()?.len();
    if !resumes && length > 0 {
        return Err(Reason::NotEmpty);
    }
    let scanned = scan(&file, &again)?;
    if scanned.end < length {
        file.set_len(scanned.end)?;
    }
    if scanned.again == 0 {
        file.seek(SeekFrom::End(0))?;
        return Ok((file, None, scanned.done));
    }
    // What a symbolic link leads to is replaced, not the link.
    let path = path.canonicalize()?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    let without = Unfinished::create(folder)?;
    without.file().set_permissions(metadata.permissions())?;
    let mut writer = BufWriter::with_capacity(1024 * 1024, without.file());
    each_line(&file, |number, line| {
        if !again(&recorded(number, line)?) {
            writer.write_all(line)?;
        }
        Ok(())
    })?;
    writer.flush()?;
    drop(writer);
    lock(without.file())?;
    without.file().sync_all()?;
    let replacement = without.replace(&path)?;
    File::open(folder)?.sync_all()?;
    Ok((replacement, Some(file), scanned.done))
}

fn lock(file: &File) -> Result<(), Reason> {
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => Reason::Locked,
        TryLockError::Error(error) => Reason::Io(error),
    })
}
