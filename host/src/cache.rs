//! The cache of compiled components.

use rustix::process::geteuid;
use std::fs::{DirBuilder, Metadata};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;
use wasmtime::{Cache, CacheConfig};

/// Opens wasmtime's cache in a folder. Returns none if the folder cannot be used: components are then compiled at each start.
pub(crate) fn open(folder: &Path) -> Option<Cache> {
    let folder = std::path::absolute(folder).ok()?;
    DirBuilder::new().recursive(true).mode(0o700).create(&folder).ok()?;
    if !is_ours(&std::fs::metadata(&folder).ok()?) {
        return None;
    }
    let mut config = CacheConfig::new();
    config.with_directory(folder);
    // By default, files that are used often are compressed again at the highest level: seconds of CPU time to save a few hundred kilobytes.
    let level = config.baseline_compression_level();
    config.with_optimized_compression_level(level);
    Cache::new(config).ok()
}

/// Whether nobody else can have written to the folder: its files are run as machine code.
fn is_ours(folder: &Metadata) -> bool {
    folder.uid() == geteuid().as_raw() && folder.mode() & 0o022 == 0
}
