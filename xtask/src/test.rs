//! Everything that has to hold before a change lands.

use crate::deny::deny;
use crate::run::{Failed, cargo, run, say, works, written};
use crate::{setup, tools};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, ExitCode, Stdio};

/// Checks format and lints, runs every test, and ends with how many ran.
pub(crate) fn test() -> Result<ExitCode, Failed> {
    tools::install();
    run(&mut cargo(["fmt", "--all", "--", "--check"]))?;
    // As it is without features, and with all of them.
    run(&mut cargo(["clippy", "--locked", "--workspace", "--", "--deny", "warnings"]))?;
    let everything = ["--locked", "--workspace", "--all-features"];
    run(cargo(["clippy", "--all-targets"]).args(everything).args(["--", "--deny", "warnings"]))?;
    let unchecked = deny()?;
    let (missing, lacking) = missing();
    let mut tests = cargo(["test", "--no-fail-fast"]);
    tests.args(everything).args(["--", "--include-ignored"]).args(&missing);
    let first = counted(&mut tests)?;
    // The same end-to-end tests once more, with the other component.
    // Of the whole workspace, as before: of one package alone other features would be asked for, and much built anew.
    let mut again = cargo(["test", "--no-fail-fast", "--test", "e2e"]);
    again.env("FANTAIL_WASI", "0.2").args(everything).arg("--");
    for name in exceptions() {
        again.args(["--skip", name]);
    }
    say("with the component for WASI 0.2, but for what tests/exceptions.txt names:");
    let second = counted(&mut again)?;
    let sum = |of: fn(&Counts) -> u64| of(&first) + of(&second);
    let (passed, failed, skipped) = (sum(|c| c.passed), sum(|c| c.failed), sum(|c| c.skipped) + unchecked + lacking);
    writeln!(std::io::stdout(), "{passed} passed, {failed} failed, {skipped} skipped")?;
    for (counts, command) in [(first, tests), (second, again)] {
        if !counts.succeeded {
            return Err(Failed::Program(written(&command)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What a test needs beside this repository.
struct Need {
    /// A part of the names of the tests.
    test: &'static str,
    /// How many tests these are.
    count: u64,
    is_there: fn() -> bool,
    /// What is wrong where it is not.
    lacking: &'static str,
}

const NEEDS: [Need; 7] = [
    Need {
        test: "browser::",
        count: 1,
        is_there: setup::browser,
        lacking: "chromium and chromedriver cannot be installed here",
    },
    Need { test: "on_path::spin", count: 1, is_there: || on_path("spin"), lacking: "there is no spin on PATH" },
    Need { test: "on_path::wac", count: 1, is_there: || on_path("wac"), lacking: "there is no wac on PATH" },
    Need {
        test: "on_path::wasmtime",
        count: 1,
        is_there: || on_path("wasmtime"),
        lacking: "there is no wasmtime on PATH",
    },
    Need {
        test: "languages::python",
        count: 2,
        is_there: tools::python,
        lacking: "python3 and pip cannot install xtask/tools/requirements.txt here",
    },
    Need {
        test: "languages::go",
        count: 1,
        is_there: tools::python,
        lacking: "python3 and pip cannot install xtask/tools/requirements.txt here",
    },
    Need {
        test: "languages::node",
        count: 3,
        is_there: tools::node,
        lacking: "npm cannot install xtask/tools/package.json here",
    },
];

fn on_path(tool: &str) -> bool {
    works(Command::new(tool).arg("--version"))
}

/// What to tell the tests to leave out, and how many of them that is. They are the tests that are ignored by themselves.
fn missing() -> (Vec<&'static str>, u64) {
    let mut arguments = Vec::new();
    let mut count = 0;
    for Need { test, count: tests, is_there, lacking } in NEEDS {
        if !is_there() {
            say(format_args!("skipped: {test}, because {lacking}"));
            arguments.extend(["--skip", test]);
            count += tests;
        }
    }
    (arguments, count)
}

/// Parts of the names of tests that are not run again.
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

/// Runs tests, shows what they print, and adds up the results that each test binary ends with.
fn counted(tests: &mut Command) -> Result<Counts, Failed> {
    let mut child = tests.stdout(Stdio::piped()).spawn()?;
    let mut counts = Counts::default();
    let mut shown = std::io::stdout();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            writeln!(shown, "{line}")?;
            if line.starts_with("test result:") {
                counts.passed += before(&line, " passed");
                counts.failed += before(&line, " failed");
                counts.skipped += before(&line, " ignored");
            }
        }
    }
    counts.succeeded = child.wait()?.success();
    Ok(counts)
}

/// The number before a word.
fn before(line: &str, word: &str) -> u64 {
    let before = line.split(word).next().filter(|before| before.len() < line.len());
    before.and_then(|before| before.rsplit(' ').next()).and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// How many tests in a folder are ignored by themselves.
    fn ignored(folder: &Path) -> usize {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let count = |path: &Path| std::fs::read_to_string(path).unwrap_or_default().matches("#[ignore = ").count();
        entries.map(|path| if path.is_dir() { ignored(&path) } else { count(&path) }).sum()
    }

    #[test]
    fn every_test_that_is_skipped_where_something_lacks_is_counted() {
        let counted: u64 = NEEDS.iter().map(|need| need.count).sum();
        assert_eq!(counted, ignored(&crate::root().join("tests")) as u64);
    }

    #[test]
    fn results_are_read_as_cargo_writes_them() {
        let line = "test result: FAILED. 17 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.08s";
        assert_eq!((before(line, " passed"), before(line, " failed"), before(line, " ignored")), (17, 2, 1));
        assert_eq!(before(line, " skipped"), 0);
    }
}
