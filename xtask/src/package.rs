//! Packages the library, and builds it outside this workspace as its users do.

use crate::packages::PACKAGES;
use crate::root;
use crate::run::{Error, cargo, run};

/// Writes the packages to target/packaging/package, and builds each from its own contents and the packages before it. This compiles wasmtime
/// once more, which takes minutes.
pub(crate) fn package() -> Result<(), Error> {
    let built = root().join("host/components/built");
    std::fs::create_dir_all(&built)?;
    for (name, bytes) in component_builder::embedded(root())? {
        std::fs::write(built.join(name), bytes)?;
    }
    let mut package = cargo(["package", "--locked", "--allow-dirty"]);
    package.args(PACKAGES.iter().flat_map(|name| ["--package", name]));
    // One folder, so that common dependencies are compiled once.
    run(package.env("CARGO_TARGET_DIR", root().join("target/packaging")))
}
