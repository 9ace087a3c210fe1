//! A file that appears under its name only when it is complete.

use crate::blocking::blocking;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempPath;
use tokio::io::AsyncWriteExt;

/// A file that appears under its name only when it is complete. What is there stays until then. What is no regular file, such as a pipe, is
/// written directly.
pub(crate) struct NewFile {
    file: tokio::fs::File,
    /// Where it is until it is complete, and where it goes.
    temporary: Option<(TempPath, PathBuf)>,
}

impl NewFile {
    /// Creates it, so that a mistake in the path is found before anything is sent.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let present = std::fs::metadata(path).ok();
        if present.as_ref().is_some_and(|present| !present.is_file()) {
            let file = std::fs::OpenOptions::new().write(true).open(path)?;
            return Ok(Self { file: file.into(), temporary: None });
        }
        // A link stays one: the file that it leads to is replaced.
        let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let permissions = present.map_or_else(|| Permissions::from_mode(0o666), |present| present.permissions());
        let file = tempfile::Builder::new().prefix(".fantail-").permissions(permissions).tempfile_in(folder);
        let (file, temporary) = file?.into_parts();
        Ok(Self { file: file.into(), temporary: Some((temporary, target)) })
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).await
    }

    /// Gives it its name.
    pub(crate) async fn finish(mut self) -> io::Result<()> {
        // tokio writes files in the background: this reports the error of the last write.
        self.file.flush().await?;
        let Some((temporary, target)) = self.temporary else { return Ok(()) };
        blocking(move || temporary.persist(target).map_err(|error| error.error)).await
    }
}
