//! Where compiled components are kept between two starts.

use rustix::process::geteuid;
use std::fs::{DirBuilder, Metadata};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;
use wasmtime::{Cache, CacheConfig};

/// Opens wasmtime's cache in a folder. None if that cannot be: then all goes on, only slower.
pub(crate) fn open(folder: &Path) -> Option<Cache> {
    let folder = std::path::absolute(folder).ok()?;
    DirBuilder::new().recursive(true).mode(0o700).create(&folder).ok()?;
    if !is_ours(&std::fs::metadata(&folder).ok()?) {
        return None;
    }
    let mut config = CacheConfig::new();
    config.with_directory(folder);
    // A file that is used often would be packed again at the highest level: seconds of computing for a few hundred kilobytes.
    let level = config.baseline_compression_level();
    config.with_optimized_compression_level(level);
    Cache::new(config).ok()
}

/// Whether only we can have put there what is there: it is run as machine code.
fn is_ours(folder: &Metadata) -> bool {
    folder.uid() == geteuid().as_raw() && folder.mode() & 0o022 == 0
}
