//! What has to be on the machine. Nothing is downloaded at any other moment.

use crate::run::{Failed, cargo, run, say, works};
use component_builder::{TARGET, Toolchain};
use std::process::Command;

/// Installs what is missing; does nothing where nothing is.
pub(crate) fn setup() -> Result<(), Failed> {
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
    run(&mut cargo(["fetch", "--locked", "--quiet"]))
}

/// Whether there is a browser for the tests of the page, after trying to install Debian's.
pub(crate) fn browser() -> bool {
    let there = || ["chromium", "chromedriver"].into_iter().all(|tool| works(Command::new(tool).arg("--version")));
    if there() {
        return true;
    }
    if works(Command::new("apt-get").arg("--version")) {
        say("no chromium with chromedriver yet: trying Debian's");
        let install = "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
                       --no-install-recommends chromium chromium-driver";
        // What goes wrong here, apt-get says.
        let _ = run(Command::new("sh").args(["-c", install]));
    }
    there()
}

/// Tries one way after the other. Whether it worked, the caller looks for itself.
fn install_toolchain() {
    say(format_args!("no compiler for {TARGET} yet: trying `rustup target add {TARGET}`"));
    if works(Command::new("rustup").args(["target", "add", TARGET])) {
        return;
    }
    if works(Command::new("apt-get").arg("--version")) {
        say("rustup cannot install it: trying Debian's compiler (rustc-web cargo-web rust-web-src lld-22)");
        let install = "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
                       --no-install-recommends rustc-web cargo-web rust-web-src lld-22";
        // What goes wrong here, apt-get says.
        let _ = run(Command::new("sh").args(["-c", install]));
    }
}
