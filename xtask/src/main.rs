//! The project's commands: `cargo xtask <command>`.

mod deny;
mod error;
mod instructions;
mod package;
mod packages;
mod phases;
mod setup;
mod test;
mod tools;

use clap::{Parser, Subcommand};
use error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use toolchain::{cargo, root, run, say, target, tool};

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
    /// Prints tables of what a request costs: beside native clients and the engine natively, by requests in flight, policy and workers; the
    /// programs beside `curl`; the application beside a fan-out written by hand, on Spin too where it is on PATH. Takes half an hour.
    Bench {
        /// Only counts the instructions of each layer (needs valgrind), and fails if they differ by 3 % from tests/benches/instructions.txt.
        #[arg(long)]
        check: bool,
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
        Command::Dist => Ok(tool("dist", &[]).map(|()| ExitCode::SUCCESS)?),
        Command::Demo { arguments } => demo(&arguments),
        Command::Test => test::test(),
        Command::Package => package::package().map(|()| ExitCode::SUCCESS),
        Command::Bench { check: true } => instructions::check().map(|()| ExitCode::SUCCESS),
        Command::Bench { check: false } => benchmarks(),
        Command::Figures => {
            let engine = ["run", "--locked", "--release", "--package", "fantail-engine", "--example", "figures"];
            run(&mut cargo(engine))?;
            bench(&["figures"], &[])
        }
        Command::Soak { numbers } => {
            let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
            bench(&["soak"], &numbers)
        }
    });
    result.unwrap_or_else(|error| {
        say(format_args!("error: {error}"));
        ExitCode::FAILURE
    })
}

/// Everything that is compared, with the commit and the machine.
fn benchmarks() -> Result<ExitCode, Error> {
    let said = |program: &str, arguments: &[&str]| {
        let output = std::process::Command::new(program).args(arguments).current_dir(root()).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
    };
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpus.lines().find_map(|line| Some(line.strip_prefix("model name")?.trim_start_matches([' ', '\t', ':'])));
    let (commit, compiler) = (said("git", &["rev-parse", "--short", "HEAD"]), said("rustc", &["--version"]));
    say(format_args!("commit {commit}, {compiler}, {processors} x {}", model.unwrap_or("an unknown processor")));
    bench(&["costs", "application", "spin"], &[])
}

fn bench(names: &[&str], arguments: &[String]) -> Result<ExitCode, Error> {
    let mut bench = cargo(["bench", "--locked", "--package", "fantail-cli"]);
    for name in names {
        bench.args(["--bench", name]);
    }
    Ok(run(bench.arg("--").args(arguments)).map(|()| ExitCode::SUCCESS)?)
}

/// Builds everything, and returns the path of the command-line program.
fn build() -> Result<PathBuf, Error> {
    run(&mut cargo(["build", "--locked", "--release", "--package", "fantail-cli"]))?;
    let target = target(root());
    let binary = target.join("release").join("fantail");
    say(format_args!("built {}", binary.display()));
    tool("component-builder", &["published".as_ref(), target.join("components").as_os_str()])?;
    Ok(binary)
}

/// Returns the demo's exit code.
fn demo(arguments: &[String]) -> Result<ExitCode, Error> {
    let status = std::process::Command::new(build()?).arg("demo").args(arguments).status()?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
