//! Copies the components from `built/` beside this file, or builds them from the workspace if that is newer.
//!
//! It runs the workspace's `component-builder` instead of depending on it, so that the package needs neither it nor its dependencies.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::SystemTime;

const COMPONENTS: [&str; 3] = ["fantail.wasm", "fantail-p2.wasm", "application.wasm"];

/// The sources of the components, below the workspace's folder.
const SOURCES: [&str; 15] = [
    "Cargo.lock",
    "Cargo.toml",
    "guest/component",
    "guest/component-p2",
    "guest/conversions",
    "guest/edge",
    "guest/engine",
    "guest/facts",
    "guest/shell",
    "guest/tokens",
    "guest/variables",
    "guest/wire",
    "wit",
    "xtask/component-builder",
    "xtask/toolchain",
];

type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match provide_components() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cargo::error={}", error.to_string().replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}

fn provide_components() -> Result<(), Error> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from).ok_or(format!("cargo sets {name}"));
    let (own, out) = (variable("CARGO_MANIFEST_DIR")?, variable("OUT_DIR")?);
    // The whole folder: if a listed file is missing, cargo runs the script in every build.
    println!("cargo::rerun-if-changed={}", own.display());
    let built: Vec<PathBuf> = COMPONENTS.iter().map(|name| own.join("built").join(name)).collect();
    let oldest_built = built.iter().map(|path| last_modified(path)).min().flatten();
    let root = own.ancestors().nth(2).filter(|root| root.join("guest/component/Cargo.toml").is_file());
    let Some(root) = root else {
        oldest_built.ok_or("a component is missing in built/, and there is no workspace to build it from")?;
        return copy(&built, &out);
    };
    let sources: Vec<PathBuf> = SOURCES.iter().map(|source| root.join(source)).collect();
    for source in &sources {
        println!("cargo::rerun-if-changed={}", source.display());
    }
    let newest_source = sources.iter().map(|path| last_modified(path)).max().flatten();
    if oldest_built > newest_source { copy(&built, &out) } else { build(root, &out) }
}

/// When a file, or anything in a folder, was last modified.
fn last_modified(path: &Path) -> Option<SystemTime> {
    let newest_entry =
        std::fs::read_dir(path).into_iter().flatten().filter_map(|entry| last_modified(&entry.ok()?.path())).max();
    newest_entry.max(path.metadata().ok()?.modified().ok())
}

fn copy(built: &[PathBuf], out: &Path) -> Result<(), Error> {
    for path in built {
        std::fs::copy(path, out.join(path.file_name().ok_or("a file has a name")?))?;
    }
    Ok(())
}

/// Builds the components in a target folder that is not locked by the cargo that runs this script.
fn build(root: &Path, out: &Path) -> Result<(), Error> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_outer(name)) {
        cargo.env_remove(name);
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    cargo.current_dir(root).args(["run", "--quiet", "--locked", "--package", "component-builder"]);
    cargo.args(["--profile", "component-builder", "--target-dir"]).arg(root.join(target).join("guest"));
    let output = cargo.args(["--", "embedded"]).arg(out).output()?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).trim().into()) }
}

/// Whether a variable was set for the outer build, by cargo, a linter or a coverage tool.
fn is_outer(name: &OsString) -> bool {
    let prefixes = ["CARGO_BUILD_", "CARGO_CFG_", "CARGO_ENCODED_", "CARGO_FEATURE_", "CARGO_MANIFEST_", "CARGO_PKG_"];
    let more = ["CARGO_PROFILE_", "RUSTC_", "RUSTFLAGS"];
    name.to_str().is_some_and(|name| prefixes.iter().chain(&more).any(|prefix| name.starts_with(prefix)))
}
