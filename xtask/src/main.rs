//! The project's commands: `cargo xtask <command>`.

mod deny;
mod dist;
mod package;
mod packages;
mod run;
mod setup;
mod test;
mod tools;

use clap::{Parser, Subcommand};
use dist::{COMPOSED, EDGE, FETCH, FETCH_P2};
use run::{Error, cargo};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Parser)]
#[command(bin_name = "cargo xtask", about = "Sets up, builds, runs and tests Fantail")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Installs what is missing to build WebAssembly and to run callers in other languages, and downloads every dependency.
    Setup,
    /// Builds target/release/fantail and the components in target/components.
    Build,
    /// Builds what is published into dist: components, interfaces, a build with names, sums and a bill of materials.
    Dist,
    /// Runs the main job on a faulty origin of its own: 1,000 requests, one outcome each.
    Demo {
        /// Passed on to `fantail demo`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Checks format and lints, then runs all tests, and says how many.
    Test,
    /// Leaves the library's packages in target/packaging/package, and builds each outside of this workspace.
    Package,
    /// Measures the component beside native clients, and the application beside a fan-out written by hand, on Spin too where it is on PATH.
    Bench {
        /// Passed on to Criterion.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Prints figures of the engine and of the harness: how late timeouts are, what hedging saves, what a request costs.
    Figures,
    /// Sends a million requests with faults among them through one harness, and prints what is lost, doubled, or grows.
    Soak {
        /// How many requests, and from which on.
        numbers: Vec<u64>,
    },
}

fn main() -> ExitCode {
    let command = Arguments::parse().command;
    let result = setup::setup().and_then(|()| match command {
        Command::Setup => {
            tools::install();
            // A tool that cannot be installed is not an error: the tests that need it are skipped.
            let _ = (tools::python(), tools::node());
            Ok(ExitCode::SUCCESS)
        }
        Command::Build => build().map(|_| ExitCode::SUCCESS),
        Command::Dist => dist::dist().map(|()| ExitCode::SUCCESS),
        Command::Demo { arguments } => demo(&arguments),
        Command::Test => test::test(),
        Command::Package => package::package().map(|()| ExitCode::SUCCESS),
        Command::Bench { arguments } => bench(&["fan_out", "application", "spin"], &arguments),
        Command::Figures => {
            let engine = ["run", "--locked", "--release", "--package", "fantail-engine", "--example", "figures"];
            run::run(&mut cargo(engine)).and_then(|()| bench(&["figures"], &[]))
        }
        Command::Soak { numbers } => {
            let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
            bench(&["soak"], &numbers)
        }
    });
    result.unwrap_or_else(|error| {
        run::say(format_args!("error: {error}"));
        ExitCode::FAILURE
    })
}

fn bench(names: &[&str], arguments: &[String]) -> Result<ExitCode, Error> {
    let mut bench = cargo(["bench", "--locked", "--package", "fantail-cli"]);
    for name in names {
        bench.args(["--bench", name]);
    }
    run::run(bench.arg("--").args(arguments)).map(|()| ExitCode::SUCCESS)
}

/// The workspace's folder.
fn root() -> &'static Path {
    // This crate is one folder below.
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// Where cargo builds.
fn target() -> PathBuf {
    let guests = component_builder::target_dir(root());
    guests.parent().map_or_else(|| root().join("target"), Path::to_owned)
}

/// Builds everything, and returns the path of the command-line program.
fn build() -> Result<PathBuf, Error> {
    run::run(&mut cargo(["build", "--locked", "--release", "--package", "fantail-cli"]))?;
    let guests = component_builder::target_dir(root());
    let target = target();
    let components = target.join("components");
    let guest = |package| component_builder::build(root(), package, &guests);
    let (fetch, edge, variables) = (guest("fantail-component")?, guest("fantail-edge")?, guest("fantail-variables")?);
    let fetch_p2 = guest("fantail-component-p2")?;
    let composed = component_builder::compose(&edge, &[&fetch, &variables])?;
    let binary = target.join("release").join("fantail");
    run::say(format_args!("built {}", binary.display()));
    for (name, bytes) in [(FETCH, fetch), (FETCH_P2, fetch_p2), (EDGE, edge), (COMPOSED, composed)] {
        let path = components.join(name);
        if std::fs::read(&path).ok().as_ref() != Some(&bytes) {
            std::fs::create_dir_all(&components)?;
            std::fs::write(&path, bytes)?;
        }
        run::say(format_args!("built {}", path.display()));
    }
    Ok(binary)
}

/// Returns the demo's exit code, which is 1, since some of its requests fail on purpose.
fn demo(arguments: &[String]) -> Result<ExitCode, Error> {
    let status = std::process::Command::new(build()?).arg("demo").args(arguments).status()?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spin_toml_names_the_files_that_build_writes_and_the_build_command() {
        let manifest: toml::Table = include_str!("../../spin.toml").parse().unwrap();
        let component = &manifest["component"]["edge"];
        assert_eq!(component["source"].as_str().unwrap(), format!("target/components/{EDGE}"));
        let dependency = component["dependencies"].as_table().unwrap().values().next().unwrap();
        assert_eq!(dependency["path"].as_str().unwrap(), format!("target/components/{FETCH}"));
        assert_eq!(component["build"]["command"].as_str().unwrap(), "cargo xtask build");
    }
}
