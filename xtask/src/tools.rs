//! Installs the tools of other languages that `tests/languages` needs into `target/tools`, in the versions that `xtask/tools` pins.

use crate::Error;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use toolchain::{root, run, say, target};

/// Starts to install both concurrently, in the background. [`python`] and [`node`] wait until that has finished.
pub(crate) fn install() {
    std::thread::spawn(python);
    std::thread::spawn(node);
}

/// Whether Python's tools are installed, after trying to install them.
pub(crate) fn python() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| {
        ensure_installed("python", "requirements.txt", |folder| {
            run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
            let mut pip = Command::new(folder.join("bin/pip"));
            pip.args(["install", "--quiet", "--disable-pip-version-check", "--retries", "1", "--requirement"]);
            Ok(run(pip.arg(pins("requirements.txt")))?)
        })
    })
}

/// Whether JavaScript's tools are installed, after trying to install them.
pub(crate) fn node() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| {
        ensure_installed("node", "package.json", |folder| {
            std::fs::copy(pins("package.json"), folder.join("package.json"))?;
            let mut npm = Command::new("npm");
            npm.args(["install", "--silent", "--no-package-lock", "--no-audit", "--no-fund", "--fetch-retries=1"]);
            Ok(run(npm.current_dir(folder))?)
        })
    })
}

/// Whether what the file pins is in the folder of that name, after installing it if it is missing or another version.
fn ensure_installed(name: &str, file: &str, install: impl FnOnce(&Path) -> Result<(), Error>) -> bool {
    let folder = target(root()).join("tools").join(name);
    try_install(&folder, &pins(file), install)
        .inspect_err(|error| say(format_args!("cannot install {}: {error}", folder.display())))
        .is_ok()
}

fn try_install(folder: &Path, pins: &Path, install: impl FnOnce(&Path) -> Result<(), Error>) -> Result<(), Error> {
    let pinned = std::fs::read_to_string(pins)?;
    // Written last, so that an interrupted installation is repeated.
    let record = folder.join("installed");
    if std::fs::read_to_string(&record).is_ok_and(|installed| installed == pinned) {
        return Ok(());
    }
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder)?;
    install(folder)?;
    Ok(std::fs::write(record, pinned)?)
}

fn pins(file: &str) -> std::path::PathBuf {
    root().join("xtask/tools").join(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use toolchain::RunError;

    #[test]
    fn tools_are_installed_only_if_they_are_missing_or_differ_from_the_pinned_versions() {
        let folder = target(root()).join("tools").join(format!("test-{}", std::process::id()));
        let (tools, pins) = (folder.join("tools"), folder.join("pins"));
        std::fs::create_dir_all(&folder).unwrap();
        let installs = |version: &str| {
            std::fs::write(&pins, version).unwrap();
            let mut installs = false;
            try_install(&tools, &pins, |_| {
                installs = true;
                Ok(())
            })
            .unwrap();
            installs
        };
        assert_eq!([installs("1"), installs("1"), installs("2"), installs("2")], [true, false, true, false]);
        std::fs::write(&pins, "3").unwrap();
        assert!(try_install(&tools, &pins, |_| Err(RunError::Failed("npm".to_owned()).into())).is_err());
        assert!(installs("3"), "a failed installation is repeated");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
