//! What the folders of this machine are called inside components. Panic messages name source files: without this, the
//! same sources would make other bytes in another folder, and the bytes would tell where they were built.

use crate::Toolchain;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The flags that say so, as cargo takes them in `CARGO_ENCODED_RUSTFLAGS`. Where several fit, rustc takes the last.
pub(crate) fn remapped(root: &Path, target_dir: &Path, cargo_home: &Path, toolchain: &Toolchain) -> OsString {
    let mut folders = vec![(root.to_owned(), "/fantail".to_owned()), (target_dir.to_owned(), "/target".to_owned())];
    // A folder for each registry, named after where it was downloaded from, which may be a mirror.
    let registries = std::fs::read_dir(cargo_home.join("registry/src")).into_iter().flatten().flatten();
    let mut registries: Vec<PathBuf> = registries.map(|registry| registry.path()).collect();
    registries.sort();
    folders.extend(registries.into_iter().map(|registry| (registry, "/registry".to_owned())));
    // What the library is called where its source is not installed.
    let library = format!("/rustc/{}", toolchain.commit());
    folders.extend(toolchain.library_source().into_iter().map(|source| (source, library.clone())));
    let mut flags = OsString::new();
    for (folder, name) in folders {
        if !flags.is_empty() {
            flags.push("\u{1f}");
        }
        flags.push("--remap-path-prefix=");
        flags.push(folder);
        flags.push("=");
        flags.push(name);
    }
    flags
}
