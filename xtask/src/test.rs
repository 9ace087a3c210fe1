//! `cargo xtask test`: everything that has to pass before a change is merged.

use crate::Error;
use crate::deny::deny;
use crate::phases::Phases;
use crate::{setup, tools};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, ExitCode, Stdio};
use toolchain::{RunError, cargo, command_line, root, run, say, target, works};

/// Checks format and lints, runs every test, and prints how many ran.
pub(crate) fn test() -> Result<ExitCode, Error> {
    let mut phases = Phases::new();
    tools::install();
    run(&mut cargo(["fmt", "--all", "--", "--check"]))?;
    // With default features, and the tests below are compiled with all of them: linting both would compile all dependencies twice.
    let lint = ["clippy", "--locked", "--workspace", "--all-targets", "--", "--deny", "warnings"];
    run(&mut first_build(lint))?;
    phases.end("lint");
    let skipped_checks = deny()?;
    let (skip_arguments, skipped_tests) = unmet_needs();
    phases.end("tools");
    let everything = ["--locked", "--workspace", "--all-features"];
    run(first_build(["test", "--no-run"]).args(everything))?;
    phases.end("build");
    let mut tests = first_build(["test", "--no-fail-fast"]);
    tests.args(everything).args(["--", "--include-ignored"]).args(&skip_arguments);
    let first = run_counted(&mut tests)?;
    phases.end("test");
    // The end-to-end tests run once more, with the other component.
    // For the whole workspace, as before: for one package, cargo would choose other features, and rebuild much.
    let mut second_run = first_build(["test", "--no-fail-fast", "--test", "e2e"]);
    second_run.env("FANTAIL_WASI", "0.2").args(everything).arg("--");
    for name in exceptions() {
        second_run.args(["--skip", name]);
    }
    say("with the component for WASI 0.2, but for what tests/exceptions.txt names:");
    let second = run_counted(&mut second_run)?;
    phases.end("test of WASI 0.2");
    say(phases);
    let sum = |of: fn(&Counts) -> u64| of(&first) + of(&second);
    let (passed, failed, skipped) =
        (sum(|c| c.passed), sum(|c| c.failed), sum(|c| c.skipped) + skipped_checks + skipped_tests);
    writeln!(std::io::stdout(), "{passed} passed, {failed} failed, {skipped} skipped")?;
    for (counts, command) in [(first, tests), (second, second_run)] {
        if !counts.succeeded {
            return Err(RunError::Failed(command_line(&command)).into());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// cargo, without what makes it faster only the next time, unless that is there already: a first build takes a tenth less without.
fn first_build<const N: usize>(arguments: [&str; N]) -> Command {
    let mut command = cargo(arguments);
    if !target(root()).join("debug/incremental").exists() {
        command.env("CARGO_INCREMENTAL", "0");
    }
    command
}

/// What some tests need beside this repository.
struct Need {
    /// Selects the tests by a part of their names.
    test: &'static str,
    /// How many tests this selects.
    count: u64,
    is_available: fn() -> bool,
    /// The reason for skipping them if it is not available.
    reason: &'static str,
}

const NEEDS: [Need; 8] = [
    Need {
        test: "browser::",
        count: 1,
        is_available: setup::browser,
        reason: "chromium and chromedriver cannot be installed here",
    },
    Need {
        test: "report_in_browser::",
        count: 1,
        is_available: setup::browser,
        reason: "chromium and chromedriver cannot be installed here",
    },
    Need { test: "on_path::spin", count: 1, is_available: || on_path("spin"), reason: "there is no spin on PATH" },
    Need { test: "on_path::wac", count: 1, is_available: || on_path("wac"), reason: "there is no wac on PATH" },
    Need {
        test: "on_path::wasmtime",
        count: 1,
        is_available: || on_path("wasmtime"),
        reason: "there is no wasmtime on PATH",
    },
    Need {
        test: "languages::python",
        count: 2,
        is_available: tools::python,
        reason: "python3 and pip cannot install xtask/tools/requirements.txt here",
    },
    Need {
        test: "languages::go",
        count: 1,
        is_available: tools::python,
        reason: "python3 and pip cannot install xtask/tools/requirements.txt here",
    },
    Need {
        test: "languages::node",
        count: 3,
        is_available: tools::node,
        reason: "npm cannot install xtask/tools/package.json here",
    },
];

fn on_path(tool: &str) -> bool {
    works(Command::new(tool).arg("--version"))
}

/// The arguments that skip the tests whose needs are not met, and how many tests those are. They are marked `#[ignore]`.
fn unmet_needs() -> (Vec<&'static str>, u64) {
    let mut arguments = Vec::new();
    let mut count = 0;
    for Need { test, count: tests, is_available, reason } in NEEDS {
        if !is_available() {
            say(format_args!("skipped: {test}, because {reason}"));
            arguments.extend(["--skip", test]);
            count += tests;
        }
    }
    (arguments, count)
}

/// Parts of the names of tests that are not run with the second component.
fn exceptions() -> impl Iterator<Item = &'static str> {
    let lines = include_str!("../../tests/exceptions.txt").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_whitespace().next())
}

#[derive(Default)]
struct Counts {
    passed: u64,
    failed: u64,
    skipped: u64,
    succeeded: bool,
}

/// Runs tests, prints their output, and adds up the result lines of the test binaries.
fn run_counted(tests: &mut Command) -> Result<Counts, Error> {
    let mut child = tests.stdout(Stdio::piped()).spawn()?;
    let mut counts = Counts::default();
    let mut terminal = std::io::stdout();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines() {
            let line = line?;
            writeln!(terminal, "{line}")?;
            if line.starts_with("test result:") {
                counts.passed += number_before(&line, " passed");
                counts.failed += number_before(&line, " failed");
                counts.skipped += number_before(&line, " ignored");
            }
        }
    }
    counts.succeeded = child.wait()?.success();
    Ok(counts)
}

/// The number in front of a word.
fn number_before(line: &str, word: &str) -> u64 {
    let prefix = line.split(word).next().filter(|prefix| prefix.len() < line.len());
    prefix.and_then(|prefix| prefix.rsplit(' ').next()).and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// How many tests in a folder are marked `#[ignore]`.
    fn ignored(folder: &Path) -> usize {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let count = |path: &Path| std::fs::read_to_string(path).unwrap_or_default().matches("#[ignore = ").count();
        entries.map(|path| if path.is_dir() { ignored(&path) } else { count(&path) }).sum()
    }

    #[test]
    fn every_test_that_may_be_skipped_is_counted() {
        let counted: u64 = NEEDS.iter().map(|need| need.count).sum();
        assert_eq!(counted, ignored(&toolchain::root().join("tests")) as u64);
    }

    #[test]
    fn result_lines_of_cargo_are_parsed() {
        let line = "test result: FAILED. 17 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.08s";
        assert_eq!(
            (number_before(line, " passed"), number_before(line, " failed"), number_before(line, " ignored")),
            (17, 2, 1)
        );
        assert_eq!(number_before(line, " skipped"), 0);
    }
}
