//! Packages the library, and builds it outside this workspace as its users do.

use crate::Error;
use crate::packages::PACKAGES;
use toolchain::{cargo, root, run, tool};

/// Writes the packages to target/packaging/package, and builds each from its own contents and the packages before it. This compiles wasmtime
/// once more, which takes minutes.
pub(crate) fn package() -> Result<(), Error> {
    let built = root().join("host/components/built");
    tool("component-builder", &["embedded".as_ref(), built.as_os_str()])?;
    let mut package = cargo(["package", "--locked", "--allow-dirty"]);
    package.args(PACKAGES.iter().flat_map(|name| ["--package", name]));
    // One folder, so that common dependencies are compiled once.
    Ok(run(package.env("CARGO_TARGET_DIR", root().join("target/packaging")))?)
}
