//! Files that have no name until they are complete.

use rustix::fs::{AtFlags, CWD, linkat};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::OnceLock;
use tempfile::NamedTempFile;

/// The permissions of a new file, from which the process's umask takes some.
const MODE: u32 = 0o666;

/// A file that has no name until it is complete, so that nothing is left of it if the process is killed. Where the file system cannot do
/// that, it has a temporary name.
pub(crate) enum Unfinished {
    Unnamed(File),
    /// None after it was linked.
    Named(Option<NamedTempFile>, File),
}

impl Unfinished {
    /// A new file on the file system of a folder.
    pub(crate) fn create(folder: &Path) -> io::Result<Self> {
        match unnamed(folder) {
            Some(file) => Ok(Self::Unnamed(file)),
            None => Self::create_named(folder),
        }
    }

    fn create_named(folder: &Path) -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        let permissions = std::fs::Permissions::from_mode(MODE);
        let named = builder.prefix(".fantail-").suffix(".part").permissions(permissions).tempfile_in(folder)?;
        let file = named.as_file().try_clone()?;
        Ok(Self::Named(Some(named), file))
    }

    pub(crate) fn file(&self) -> &File {
        match self {
            Self::Unnamed(file) | Self::Named(_, file) => file,
        }
    }

    /// Gives it a name. Nothing is overwritten: an error of the kind `AlreadyExists` says that the name is taken.
    pub(crate) fn link(&mut self, path: &Path) -> io::Result<()> {
        match self {
            Self::Unnamed(file) => Ok(linkat(CWD, by_descriptor(file), CWD, path, AtFlags::SYMLINK_FOLLOW)?),
            Self::Named(named, _) => {
                let taken = named.take().ok_or(io::ErrorKind::NotFound)?;
                match taken.persist_noclobber(path) {
                    Ok(_) => Ok(()),
                    Err(error) => {
                        *named = Some(error.file);
                        Err(error.error)
                    }
                }
            }
        }
    }

    /// Gives it the name of another file, which it replaces.
    pub(crate) fn replace(mut self, path: &Path) -> io::Result<File> {
        if let Self::Named(named, file) = self {
            named.ok_or(io::ErrorKind::NotFound)?.persist(path).map_err(|error| error.error)?;
            return Ok(file);
        }
        let mut name = std::ffi::OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(format!(".{}", std::process::id()));
        let temporary = path.with_file_name(name);
        self.link(&temporary)?;
        std::fs::rename(&temporary, path)?;
        match self {
            Self::Unnamed(file) | Self::Named(_, file) => Ok(file),
        }
    }
}

/// A file without a name, if there is such a thing here.
#[cfg(target_os = "linux")]
fn unnamed(folder: &Path) -> Option<File> {
    use rustix::fs::{Mode, OFlags, open};

    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = open(folder, flags, Mode::from_raw_mode(MODE)).ok()?;
    // Looked for once: a look at /proc takes as long as a small file.
    static LINKABLE: OnceLock<bool> = OnceLock::new();
    LINKABLE.get_or_init(|| Path::new(&by_descriptor(&file)).exists()).then(|| file.into())
}

#[cfg(not(target_os = "linux"))]
fn unnamed(_folder: &Path) -> Option<File> {
    None
}

/// What an open file without a name is linked by.
fn by_descriptor(file: &impl AsRawFd) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_file_has_a_name_when_it_is_complete_and_overwrites_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
        for create in [Unfinished::create, Unfinished::create_named] {
            let mut file = create(folder.path()).unwrap();
            file.file().write_all(b"new").unwrap();
            std::fs::write(&first, "old").unwrap();
            assert_eq!(file.link(&first).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
            file.link(&second).unwrap();
            assert_eq!(std::fs::read(&second).unwrap(), b"new");
            assert_eq!(std::fs::read(&first).unwrap(), b"old");
            std::fs::remove_file(&second).unwrap();
            create(folder.path()).unwrap().replace(&first).unwrap().write_all(b"newer").unwrap();
            assert_eq!(std::fs::read(&first).unwrap(), b"newer");
            drop(create(folder.path()).unwrap());
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left");
        }
    }
}
