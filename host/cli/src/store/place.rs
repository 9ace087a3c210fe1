//! Finds a name for a stored body.

use super::name::numbered;
use super::unfinished::Unfinished;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// How many names before the next free one are looked at for the same bytes.
const LOOK_BACK: u32 = 64;

/// The most bodies of one name.
const MAX_NUMBER: u32 = 10_000_000;

/// The most names whose next number is remembered.
const MAX_REMEMBERED: usize = 100_000;

/// Names that were taken, with the number to try next: many bodies of one name need not try all numbers.
#[derive(Default)]
pub(crate) struct Numbers(Mutex<HashMap<PathBuf, u32>>);

impl Numbers {
    /// Gives a complete file of `length` bytes its name: `path`, or the same with a number if there is another file. A file with the same
    /// bytes is taken as it is, so that a body which was stored before a kill is not stored twice.
    pub(crate) fn place(&self, file: &mut Unfinished, path: &Path, length: u64) -> io::Result<PathBuf> {
        let mut number = 0;
        while number < MAX_NUMBER {
            let target = numbered(path, number);
            match file.link(&target) {
                Ok(()) => {
                    self.remember(path, number);
                    return Ok(target);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    if has_bytes(&target, file.file(), length)? {
                        return Ok(target);
                    }
                    number = if number == 0 { self.first(path) } else { number + 1 };
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound && number == 0 => {
                    let folder = path.parent().filter(|folder| !folder.exists()).ok_or(error)?;
                    std::fs::create_dir_all(folder)?;
                }
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other(format!("there are {MAX_NUMBER} files of this name")))
    }

    fn first(&self, path: &Path) -> u32 {
        let numbers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.get(path).copied().unwrap_or_default().saturating_sub(LOOK_BACK).max(1)
    }

    fn remember(&self, path: &Path, number: u32) {
        if number > 0 {
            let mut numbers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if numbers.len() >= MAX_REMEMBERED {
                numbers.clear();
            }
            let next = numbers.entry(path.to_owned()).or_default();
            *next = (*next).max(number + 1);
        }
    }
}

/// Whether there is a file with the same bytes.
fn has_bytes(path: &Path, file: &File, length: u64) -> io::Result<bool> {
    let metadata = std::fs::symlink_metadata(path)?;
    if !metadata.is_file() || metadata.len() != length {
        return Ok(false);
    }
    // A file of others that cannot be read is another file.
    let Ok(other) = File::open(path) else { return Ok(false) };
    let (mut ours, mut theirs) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let mut from = 0;
    while from < length {
        let count = usize::try_from(length - from).unwrap_or(usize::MAX).min(ours.len());
        let (Some(ours), Some(theirs)) = (ours.get_mut(..count), theirs.get_mut(..count)) else { return Ok(false) };
        file.read_exact_at(ours, from)?;
        if other.read_exact_at(theirs, from).is_err() || ours != theirs {
            return Ok(false);
        }
        from += count as u64;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn collisions_are_numbered_and_equal_files_are_taken_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/page.html");
        let numbers = Numbers::default();
        let place = |numbers: &Numbers, body: &str| {
            let mut file = Unfinished::create(folder.path()).unwrap();
            file.file().write_all(body.as_bytes()).unwrap();
            let placed = numbers.place(&mut file, &path, body.len() as u64).unwrap();
            assert_eq!(std::fs::read(&placed).unwrap(), body.as_bytes());
            placed.file_name().unwrap().to_str().unwrap().to_owned()
        };
        let names = ["one", "two", "one", "", "two", "TWO"].map(|body| place(&numbers, body));
        assert_eq!(names, ["page.html", "page-1.html", "page.html", "page-2.html", "page-1.html", "page-3.html"]);
        // As after a kill: nothing is remembered.
        assert_eq!(place(&Numbers::default(), "TWO"), "page-3.html");
        for body in 0..200 {
            assert_eq!(place(&numbers, &format!("{body:04}")), format!("page-{}.html", body + 4));
        }
        assert_eq!(std::fs::read_dir(folder.path().join("new")).unwrap().count(), 204);
    }
}
