//! The library as its users get it: packages that build outside this workspace.

use crate::packages::PACKAGES;
use crate::root;
use crate::run::{Failed, cargo, run};

/// Leaves the packages in target/packaging/package, each built from nothing but what it and those before it carry. That compiles wasmtime once more: it
/// takes minutes.
pub(crate) fn package() -> Result<(), Failed> {
    let built = root().join("host/components/built");
    std::fs::create_dir_all(&built)?;
    for (name, bytes) in component_builder::embedded(root())? {
        std::fs::write(built.join(name), bytes)?;
    }
    let mut package = cargo(["package", "--locked", "--allow-dirty"]);
    package.args(PACKAGES.iter().flat_map(|name| ["--package", name]));
    // One folder, so that what several of them need is compiled once.
    run(package.env("CARGO_TARGET_DIR", root().join("target/packaging")))
}
