//! From a guest crate to a component.

use crate::{TARGET, Toolchain, ToolchainMissing};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// Why a component could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// There is no compiler for it.
    #[error(transparent)]
    Toolchain(#[from] ToolchainMissing),
    /// The compiler could not be run.
    #[error("cannot run cargo: {0}")]
    Run(std::io::Error),
    /// The compiler reported errors; it has printed them.
    #[error("cargo could not build {package} ({status})")]
    Compile {
        /// The guest crate.
        package: String,
        /// How cargo ended.
        status: ExitStatus,
    },
    /// The compiler left nothing where it should have.
    #[error("cannot read {path}: {error}")]
    Read {
        /// The core module.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The core module does not fit its interface.
    #[error("{package} does not make a component: {reason}")]
    Encode {
        /// The guest crate.
        package: String,
        /// In the encoder's words.
        reason: String,
    },
}

/// Builds `package` of the workspace at `root` and gives the bytes of the component. What cargo makes on the way goes to
/// `target_dir`, which must not be that of a cargo which is waiting for this one.
pub fn build(root: &Path, package: &str, target_dir: &Path) -> Result<Vec<u8>, BuildError> {
    let toolchain = Toolchain::find()?;
    let mut cargo = toolchain.cargo();
    cargo.current_dir(root).args(["build", "--locked", "--quiet", "--profile", "guest", "--package", package]);
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
