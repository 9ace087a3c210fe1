//! Where sources are, and where cargo puts what it builds and downloads.

use std::path::{Path, PathBuf};

/// The workspace's root folder.
pub fn root() -> &'static Path {
    // This crate is two folders below it.
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("."))
}

/// Where cargo builds the workspace at `root`.
pub fn target(root: &Path) -> PathBuf {
    root.join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// Where guests and the tools that build them are built. It is a folder of its own, because the outer cargo holds the lock of the other.
pub fn guest_target(root: &Path) -> PathBuf {
    target(root).join("guest")
}

/// Where cargo keeps dependencies.
pub fn cargo_home() -> PathBuf {
    let default = || std::env::home_dir().unwrap_or_default().join(".cargo");
    std::env::var_os("CARGO_HOME").filter(|path| !path.is_empty()).map_or_else(default, PathBuf::from)
}
