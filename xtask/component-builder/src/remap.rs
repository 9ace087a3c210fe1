//! Gives the folders of this machine fixed names inside components. Panic messages name source files: without this, the same sources would
//! produce other bytes in another folder, and the bytes would reveal where they were built.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use toolchain::Toolchain;

/// The flags for this, in the form of `CARGO_ENCODED_RUSTFLAGS`. If several match, rustc takes the last one.
pub(crate) fn remap_flags(root: &Path, target_dir: &Path, cargo_home: &Path, toolchain: &Toolchain) -> OsString {
    let mut folders = vec![(root.to_owned(), "/fantail".to_owned()), (target_dir.to_owned(), "/target".to_owned())];
    // One folder per registry, named after its host, which may be a mirror.
    let registries = std::fs::read_dir(cargo_home.join("registry/src")).into_iter().flatten().flatten();
    let mut registries: Vec<PathBuf> = registries.map(|registry| registry.path()).collect();
    registries.sort();
    folders.extend(registries.into_iter().map(|registry| (registry, "/registry".to_owned())));
    // The name that the compiler uses if the library's source is not installed.
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
