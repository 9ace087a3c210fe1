//! From a guest crate to a component.

use crate::{BuildError, TARGET, Toolchain};
use std::path::{Path, PathBuf};

/// Builds `package` of the workspace at `root` and gives the bytes of the component. What cargo makes on the way goes to
/// `target_dir`, which must not be that of a cargo which is waiting for this one.
pub fn build(root: &Path, package: &str, target_dir: &Path) -> Result<Vec<u8>, BuildError> {
    let toolchain = Toolchain::find()?;
    let mut cargo = toolchain.cargo();
    // Guests are ordinary libraries to everybody else: natively, a cdylib with a component's exports does not even link.
    cargo.current_dir(root).args(["rustc", "--lib", "--crate-type", "cdylib", "--locked", "--quiet"]);
    cargo.args(["--profile", "guest", "--package", package]);
    cargo.args(["--target", TARGET]).arg("--target-dir").arg(target_dir).args(toolchain.build_arguments());
    let status = cargo.status().map_err(BuildError::Run)?;
    if !status.success() {
        return Err(BuildError::Compile { package: package.to_owned(), status });
    }
    let module = package.replace('-', "_") + ".wasm";
    let path = target_dir.join(TARGET).join("guest").join(module);
    let module = std::fs::read(&path).map_err(|error| BuildError::Read { path, error })?;
    let encode = || wit_component::ComponentEncoder::default().validate(true).module(&module)?.encode();
    encode().map_err(|error| BuildError::Encode { package: package.to_owned(), reason: format!("{error:#}") })
}

/// Where guests are built: beside what the outer cargo builds, and apart from it.
pub fn target_dir(root: &Path) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    root.join(target).join("guest")
}
