//! From a guest crate to a core module.

use crate::remap::remapped;
use crate::{BuildError, Module, TARGET, Toolchain};
use std::path::{Path, PathBuf};

/// Builds `package` of the workspace at `root` and gives the bytes of the component. What cargo makes on the way goes to
/// `target_dir`, which must not be that of a cargo which is waiting for this one.
pub fn build(root: &Path, package: &str, target_dir: &Path) -> Result<Vec<u8>, BuildError> {
    compile(root, package, target_dir, &cargo_home())?.component()
}

/// As [`build`], but stops at the core module, and takes dependencies from `cargo_home`. The same sources make the same
/// bytes with the same compiler, wherever the four folders are.
pub fn compile(root: &Path, package: &str, target_dir: &Path, cargo_home: &Path) -> Result<Module, BuildError> {
    let toolchain = Toolchain::find()?;
    let mut cargo = toolchain.cargo();
    // Guests are ordinary libraries to everybody else: natively, a cdylib with a component's exports does not even link.
    cargo.current_dir(root).args(["rustc", "--lib", "--crate-type", "cdylib", "--locked", "--quiet"]);
    cargo.args(["--profile", "guest", "--package", package]);
    cargo.args(["--target", TARGET]).arg("--target-dir").arg(target_dir).args(toolchain.build_arguments());
    // Numbers that the linker fills in get the width they need, and not five bytes each: 4 % of the size.
    cargo.args(["--", "-Clink-arg=--compress-relocations"]);
    cargo.env("CARGO_HOME", cargo_home);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", remapped(root, target_dir, cargo_home, &toolchain));
    let status = cargo.status().map_err(BuildError::Run)?;
    if !status.success() {
        return Err(BuildError::Compile { package: package.to_owned(), status });
    }
    let path = target_dir.join(TARGET).join("guest").join(package.replace('-', "_") + ".wasm");
    let bytes = std::fs::read(&path).map_err(|error| BuildError::Read { path, error })?;
    Ok(Module { package: package.to_owned(), bytes })
}

/// Where guests are built: beside what the outer cargo builds, and apart from it.
pub fn target_dir(root: &Path) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    root.join(target).join("guest")
}

/// Where cargo keeps dependencies, unless it is told otherwise.
pub fn cargo_home() -> PathBuf {
    let home = || std::env::home_dir().unwrap_or_default().join(".cargo");
    std::env::var_os("CARGO_HOME").filter(|path| !path.is_empty()).map_or_else(home, PathBuf::from)
}
