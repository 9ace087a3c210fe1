//! Which compiler can build for WebAssembly on this machine.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Every guest is built for this target: unlike the wasi targets it adds no imports of its own.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// A compiler that can build for [`TARGET`].
#[derive(Debug)]
pub struct Toolchain {
    cargo: PathBuf,
    /// What the compiler needs to be told beside the target.
    arguments: Vec<&'static str>,
    environment: Vec<(&'static str, OsString)>,
}

/// No compiler here can build for [`TARGET`].
#[derive(Debug, thiserror::Error)]
#[error(
    "no compiler for WebAssembly found. Run `cargo xtask setup`, or one of these by hand:\n  \
     rustup target add wasm32-unknown-unknown\n  \
     apt-get update && apt-get install rustc-web cargo-web rust-web-src lld-22   (Debian, where rustup cannot download)"
)]
pub struct ToolchainMissing;

impl Toolchain {
    /// The one that is in use, if it has the target; else Debian's, which builds the standard library from its source.
    pub fn find() -> Result<Self, ToolchainMissing> {
        Self::current().or_else(Self::debian).ok_or(ToolchainMissing)
    }

    fn current() -> Option<Self> {
        let from_environment = |name: &str, default: &str| std::env::var_os(name).unwrap_or_else(|| default.into());
        let rustc = PathBuf::from(from_environment("RUSTC", "rustc"));
        let library = sysroot(&rustc)?.join("lib/rustlib").join(TARGET).join("lib");
        let cargo = from_environment("CARGO", "cargo").into();
        library.is_dir().then_some(Self { cargo, arguments: Vec::new(), environment: Vec::new() })
    }

    fn debian() -> Option<Self> {
        let (cargo, rustc) = (PathBuf::from("/usr/bin/cargo"), PathBuf::from("/usr/bin/rustc"));
        let source = sysroot(&rustc)?.join("lib/rustlib/src/rust/library");
        let linker = newest_linker(Path::new("/usr/bin"))?;
        (cargo.is_file() && source.is_dir()).then(|| Self {
            cargo,
            arguments: vec!["-Zbuild-std=std,panic_abort"],
            environment: vec![
                ("RUSTC", rustc.into()),
                ("RUSTC_BOOTSTRAP", "1".into()),
                ("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker.into()),
            ],
        })
    }

    /// `cargo` with this compiler, free of what an outer cargo, a linter or a coverage tool left in the environment.
    pub fn cargo(&self) -> Command {
        let mut command = Command::new(&self.cargo);
        for (name, _) in std::env::vars_os() {
            let inherited = name.to_str().is_some_and(|name| {
                ["RUSTC", "RUSTFLAGS"].contains(&name)
                    || ["CARGO_ENCODED_", "CARGO_CFG_", "CARGO_FEATURE_", "CARGO_PKG_", "CARGO_PROFILE_", "RUSTC_"]
                        .iter()
                        .any(|prefix| name.starts_with(prefix))
            });
            if inherited {
                command.env_remove(name);
            }
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// What `cargo build` needs to be told.
    pub fn build_arguments(&self) -> &[&'static str] {
        &self.arguments
    }
}

fn sysroot(rustc: &Path) -> Option<PathBuf> {
    let output = Command::new(rustc).args(["--print", "sysroot"]).output().ok()?;
    output.status.success().then(|| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

/// The linker with the highest version of LLVM in its name.
fn newest_linker(folder: &Path) -> Option<PathBuf> {
    let version = |path: &PathBuf| path.file_name()?.to_str()?.strip_prefix("wasm-ld-")?.parse::<u32>().ok();
    let paths = std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter(|path| version(path).is_some()).max_by_key(version)
}
