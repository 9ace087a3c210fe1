//! Tools of other languages, which `tests/languages` builds callers with and runs hosts in. They go into `target/tools`, at the
//! versions that `xtask/tools` pins.

use crate::run::{Failed, run, say};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

/// Starts to install both at once, since that is mostly waiting. [`python`] and [`node`] wait for the end of it.
pub(crate) fn install() {
    std::thread::spawn(python);
    std::thread::spawn(node);
}

/// Whether Python's tools are there, after trying to install them.
pub(crate) fn python() -> bool {
    static THERE: OnceLock<bool> = OnceLock::new();
    *THERE.get_or_init(|| {
        is_installed("python", "requirements.txt", |folder| {
            run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
            let mut pip = Command::new(folder.join("bin/pip"));
            pip.args(["install", "--quiet", "--disable-pip-version-check", "--retries", "1", "--requirement"]);
            run(pip.arg(pins("requirements.txt")))
        })
    })
}

/// Whether JavaScript's tools are there, after trying to install them.
pub(crate) fn node() -> bool {
    static THERE: OnceLock<bool> = OnceLock::new();
    *THERE.get_or_init(|| {
        is_installed("node", "package.json", |folder| {
            std::fs::copy(pins("package.json"), folder.join("package.json"))?;
            let mut npm = Command::new("npm");
            npm.args(["install", "--silent", "--no-package-lock", "--no-audit", "--no-fund", "--fetch-retries=1"]);
            run(npm.current_dir(folder))
        })
    })
}

/// Whether what the file pins is in the folder of that name, after installing it if it was not, or was another version.
fn is_installed(name: &str, file: &str, install: impl FnOnce(&Path) -> Result<(), Failed>) -> bool {
    let folder = crate::target().join("tools").join(name);
    installed(&folder, &pins(file), install)
        .inspect_err(|error| say(format_args!("cannot install {}: {error}", folder.display())))
        .is_ok()
}

fn installed(folder: &Path, pins: &Path, install: impl FnOnce(&Path) -> Result<(), Failed>) -> Result<(), Failed> {
    let wanted = std::fs::read_to_string(pins)?;
    // Written last: what was interrupted is begun anew.
    let record = folder.join("installed");
    if std::fs::read_to_string(&record).is_ok_and(|there| there == wanted) {
        return Ok(());
    }
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder)?;
    install(folder)?;
    Ok(std::fs::write(record, wanted)?)
}

fn pins(file: &str) -> std::path::PathBuf {
    crate::root().join("xtask/tools").join(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_installed_when_they_are_missing_or_other_than_pinned_and_else_left_alone() {
        let folder = crate::target().join("tools").join(format!("test-{}", std::process::id()));
        let (tools, pins) = (folder.join("tools"), folder.join("pins"));
        std::fs::create_dir_all(&folder).unwrap();
        let installs = |version: &str| {
            std::fs::write(&pins, version).unwrap();
            let mut installs = false;
            installed(&tools, &pins, |_| {
                installs = true;
                Ok(())
            })
            .unwrap();
            installs
        };
        assert_eq!([installs("1"), installs("1"), installs("2"), installs("2")], [true, false, true, false]);
        std::fs::write(&pins, "3").unwrap();
        assert!(installed(&tools, &pins, |_| Err(Failed::Program("npm".to_owned()))).is_err());
        assert!(installs("3"), "what failed is tried again");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
