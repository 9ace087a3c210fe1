//! Finds a compiler that can build for WebAssembly on this machine.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The target of every guest. Unlike the wasi targets, it adds no imports of its own.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// The folder of the standard library's source, below the sysroot.
const LIBRARY_SOURCE: &str = "lib/rustlib/src/rust";

/// A compiler that can build for [`TARGET`].
#[derive(Debug)]
pub struct Toolchain {
    cargo: PathBuf,
    rustc: PathBuf,
    sysroot: PathBuf,
    /// The arguments that cargo needs beside the target.
    arguments: Vec<&'static str>,
    environment: Vec<(&'static str, OsString)>,
}

/// No installed compiler can build for [`TARGET`].
#[derive(Debug, thiserror::Error)]
#[error(
    "no compiler for WebAssembly found. Run `cargo xtask setup`, or one of these by hand:\n  \
     rustup target add wasm32-unknown-unknown\n  \
     apt-get update && apt-get install rustc-web cargo-web rust-web-src lld-22   (Debian, where rustup cannot download)"
)]
pub struct ToolchainMissing;

impl Toolchain {
    /// The current toolchain if it has the target, or else Debian's, which builds the standard library from source.
    pub fn find() -> Result<Self, ToolchainMissing> {
        Self::current().or_else(Self::debian).ok_or(ToolchainMissing)
    }

    fn current() -> Option<Self> {
        let from_environment = |name: &str, default: &str| std::env::var_os(name).unwrap_or_else(|| default.into());
        let rustc = PathBuf::from(from_environment("RUSTC", "rustc"));
        let sysroot = sysroot(&rustc)?;
        let library = sysroot.join("lib/rustlib").join(TARGET).join("lib");
        let cargo = from_environment("CARGO", "cargo").into();
        library.is_dir().then_some(Self { cargo, rustc, sysroot, arguments: Vec::new(), environment: Vec::new() })
    }

    fn debian() -> Option<Self> {
        let (cargo, rustc) = (PathBuf::from("/usr/bin/cargo"), PathBuf::from("/usr/bin/rustc"));
        let sysroot = sysroot(&rustc)?;
        let source = sysroot.join(LIBRARY_SOURCE).join("library");
        let linker = newest_linker(Path::new("/usr/bin"))?;
        (cargo.is_file() && source.is_dir()).then(|| Self {
            cargo,
            sysroot,
            rustc: rustc.clone(),
            arguments: vec!["-Zbuild-std=std,panic_abort"],
            environment: vec![
                ("RUSTC", rustc.into()),
                ("RUSTC_BOOTSTRAP", "1".into()),
                ("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker.into()),
            ],
        })
    }

    /// `cargo` with this compiler, without the variables that an outer cargo, a linter or a coverage tool has set.
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

    /// The commit that the compiler was built from.
    pub fn commit(&self) -> String {
        let stdout = stdout(&self.rustc, &["--version", "--verbose"]).unwrap_or_default();
        stdout.lines().find_map(|line| line.strip_prefix("commit-hash: ")).unwrap_or("unknown").to_owned()
    }

    /// The paths of the standard library's source, with and without symbolic links resolved.
    pub fn library_source(&self) -> BTreeSet<PathBuf> {
        let named = self.sysroot.join(LIBRARY_SOURCE);
        named.canonicalize().into_iter().chain([named]).collect()
    }

    /// The arguments that `cargo build` needs beside the target.
    pub fn build_arguments(&self) -> &[&'static str] {
        &self.arguments
    }
}

fn sysroot(rustc: &Path) -> Option<PathBuf> {
    stdout(rustc, &["--print", "sysroot"]).map(|path| PathBuf::from(path.trim()))
}

fn stdout(program: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The linker with the highest version of LLVM in its name.
fn newest_linker(folder: &Path) -> Option<PathBuf> {
    let version = |path: &PathBuf| path.file_name()?.to_str()?.strip_prefix("wasm-ld-")?.parse::<u32>().ok();
    let paths = std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter(|path| version(path).is_some()).max_by_key(version)
}
