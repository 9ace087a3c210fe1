//! Counts the instructions that a request takes in each layer, and compares them with those in the repository.

use crate::error::Error;
use std::path::Path;
use std::process::Command;
use toolchain::{cargo, root, run, say, target};

/// The layers, without a network: what each does is in `guest/shell/examples/instructions`.
const LAYERS: [&str; 4] = ["engine", "rules", "wire", "shell"];

/// Where the counts are kept: a line for each layer.
const KEPT: &str = "tests/benches/instructions.txt";

/// How far a count may be from the one that is kept, in percent: as much as other processors make it differ.
const TOLERANCE: f64 = 3.0;

/// Of so many requests beyond the first as many, in which tables grow.
const REQUESTS: u64 = 2_000;

/// Fails if a layer takes more instructions for a request than it did, or fewer: then `BLESS=1` keeps the new count.
pub(crate) fn check() -> Result<(), Error> {
    run(&mut cargo(["build", "--locked", "--release", "--package", "fantail-shell", "--example", "instructions"]))?;
    let program = target(root()).join("release/examples/instructions");
    let counted: Vec<(&str, u64)> =
        LAYERS.into_iter().map(|layer| Ok((layer, each(&program, layer)?))).collect::<Result<_, Error>>()?;
    let kept_in = root().join(KEPT);
    if std::env::var_os("BLESS").is_some() {
        let lines: String = counted.iter().map(|(layer, each)| format!("{layer} {each}\n")).collect();
        return Ok(std::fs::write(kept_in, lines)?);
    }
    let kept = std::fs::read_to_string(kept_in)?;
    let mut differing = Vec::new();
    for (layer, each) in counted {
        let before = kept.lines().find_map(|line| line.strip_prefix(layer)?.trim().parse::<u64>().ok());
        let before = before.ok_or_else(|| Error::Instructions(format!("{KEPT} has no line for {layer}")))?;
        let percent = (each as f64 / before as f64 - 1.0) * 100.0;
        say(format_args!("{layer:<8} {each:>8} instructions a request, {percent:+.1} % to {before}"));
        if percent.abs() > TOLERANCE {
            differing.push(layer);
        }
    }
    match differing.as_slice() {
        [] => Ok(()),
        layers => Err(Error::Instructions(format!(
            "more than {TOLERANCE} % from {KEPT}: {}; if that is meant, BLESS=1 cargo xtask bench --check writes the new counts",
            layers.join(", ")
        ))),
    }
}

/// Instructions for one request.
fn each(program: &Path, layer: &str) -> Result<u64, Error> {
    let (some, twice) = (count(program, layer, REQUESTS)?, count(program, layer, 2 * REQUESTS)?);
    Ok(twice.saturating_sub(some) / REQUESTS)
}

/// Instructions for this many requests, as Callgrind counts them.
fn count(program: &Path, layer: &str, requests: u64) -> Result<u64, Error> {
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args([layer, &requests.to_string()]);
    let output = valgrind.output();
    let output = output.map_err(|error| Error::Instructions(format!("valgrind, which counts them: {error}")))?;
    let said = String::from_utf8_lossy(&output.stderr);
    // "==123== Collected : 456"
    let collected = said.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    collected.filter(|_| output.status.success()).ok_or_else(|| Error::Instructions(format!("{layer}: {said}")))
}
