//! Licences, sources and advisories of what we build on: deny.toml.

use crate::run::{Failed, cargo, run, say, works, written};

/// What cargo-deny says when it cannot look at the advisories at all.
const NO_DATABASE: [&str; 2] = ["failed to fetch advisory database", "failed to load advisory database"];

/// Checks them; gives how many of the checks had to be skipped, each with a message.
pub(crate) fn deny() -> Result<u64, Failed> {
    if !works(&mut cargo(["deny", "--version"])) {
        say(
            "skipped: licences, sources and advisories, because there is no cargo-deny (`cargo install --locked cargo-deny`)",
        );
        return Ok(2);
    }
    run(&mut cargo(["deny", "--log-level", "error", "check", "bans", "licenses", "sources"]))?;
    let mut advisories = cargo(["deny", "check", "advisories"]);
    let output = advisories.output()?;
    if output.status.success() {
        return Ok(0);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    if NO_DATABASE.iter().any(|message| said.contains(message)) {
        say("skipped: advisories, because their database cannot be fetched");
        return Ok(1);
    }
    say(said);
    Err(Failed::Program(written(&advisories)))
}
