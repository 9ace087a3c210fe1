//! Installs what has to be on the machine. Nothing is downloaded at any other time.

use crate::Error;
use std::process::Command;
use toolchain::{TARGET, Toolchain, cargo, run, say, works};

/// Installs what is missing. Does nothing if nothing is.
pub(crate) fn setup() -> Result<(), Error> {
    let missing: Vec<&str> =
        ["clippy", "fmt"].into_iter().filter(|tool| !works(&mut cargo([tool, "--version"]))).collect();
    if !missing.is_empty() {
        let components = missing.iter().map(|tool| if *tool == "fmt" { "rustfmt" } else { tool });
        run(Command::new("rustup").args(["component", "add"]).args(components))?;
    }
    if Toolchain::find().is_err() {
        install_toolchain();
        Toolchain::find()?;
    }
    Ok(run(&mut cargo(["fetch", "--locked", "--quiet"]))?)
}

/// Whether there is a browser for the tests of the page, after trying to install Debian's if there is none.
pub(crate) fn browser() -> bool {
    let is_installed =
        || ["chromium", "chromedriver"].into_iter().all(|tool| works(Command::new(tool).arg("--version")));
    if is_installed() {
        return true;
    }
    if works(Command::new("apt-get").arg("--version")) {
        say("no chromium with chromedriver yet: trying Debian's");
        let install = "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
                       --no-install-recommends chromium chromium-driver";
        // apt-get prints its own errors.
        let _ = run(Command::new("sh").args(["-c", install]));
    }
    is_installed()
}

/// Tries rustup, then Debian's packages. The caller checks whether that worked.
fn install_toolchain() {
    say(format_args!("no compiler for {TARGET} yet: trying `rustup target add {TARGET}`"));
    if works(Command::new("rustup").args(["target", "add", TARGET])) {
        return;
    }
    if works(Command::new("apt-get").arg("--version")) {
        say("rustup cannot install it: trying Debian's compiler (rustc-web cargo-web rust-web-src lld-22)");
        let install = "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
                       --no-install-recommends rustc-web cargo-web rust-web-src lld-22";
        // apt-get prints its own errors.
        let _ = run(Command::new("sh").args(["-c", install]));
    }
}
