//! Checks licences, sources and advisories of dependencies with cargo-deny (deny.toml).

use crate::Error;
use toolchain::{RunError, cargo, command_line, run, say, works};

/// The messages of cargo-deny when it cannot read the advisories at all.
const NO_DATABASE: [&str; 2] = ["failed to fetch advisory database", "failed to load advisory database"];

/// Runs the checks. Returns how many had to be skipped, each with a message.
pub(crate) fn deny() -> Result<u64, Error> {
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
    let stderr = String::from_utf8_lossy(&output.stderr);
    if NO_DATABASE.iter().any(|message| stderr.contains(message)) {
        say("skipped: advisories, because their database cannot be fetched");
        return Ok(1);
    }
    say(stderr);
    Err(RunError::Failed(command_line(&advisories)).into())
}
