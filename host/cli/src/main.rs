//! The command-line program.

mod arguments;
mod asked;
mod blocking;
mod config;
mod connection;
mod data;
mod demo;
mod egress;
mod exit;
mod fetch;
mod hints;
mod in_flight;
mod input;
mod input_length;
mod inspect;
mod job;
mod key;
mod log;
mod numbers;
mod output;
mod policy;
mod progress;
mod report;
mod run;
mod serve;
mod shell;
mod sink;
mod store;
mod suggest;
mod summary;
#[cfg(feature = "opentelemetry")]
mod telemetry;
mod totals;

use arguments::{Arguments, Command};
use exit::{Exit, say};
use rustix::process::{Resource, getrlimit, setrlimit};
use std::process::ExitCode;
use tokio::runtime::Builder;

/// Allocation is a large part of a request's cost in the host. This allocator halves it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    forbid_huge_pages();
    let Arguments { command, verbose } = match config::parse() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let command = match command {
        Command::Completions { shell } => return shell::completions(shell).code(),
        Command::Man { folder } => return shell::manual(&folder).code(),
        command => command,
    };
    raise_open_files();
    #[cfg(feature = "opentelemetry")]
    let (telemetry, layer) = match telemetry::Telemetry::start() {
        Ok(started) => started,
        Err(error) => return Exit::usage(format_args!("cannot export spans: {error}")).code(),
    };
    #[cfg(not(feature = "opentelemetry"))]
    let layer = None;
    if let Err(exit) = log::start(verbose, layer) {
        return exit.code();
    }
    let mut runtime = match command {
        Command::Serve(_) => Builder::new_multi_thread(),
        // One thread: a request costs less than passing it to another thread.
        _ => Builder::new_current_thread(),
    };
    let runtime = match runtime.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Exit::usage(format_args!("cannot start: {error}")).code(),
    };
    let exit = runtime.block_on(async {
        match command {
            Command::Fetch(arguments) => fetch::run(*arguments, verbose > 0).await,
            Command::Serve(arguments) => serve::run(*arguments).await,
            Command::Demo(arguments) => demo::run(arguments, verbose > 0).await,
            Command::Report(arguments) => report::run(arguments).await,
            Command::Inspect { file } => inspect::run(&file).await,
            // Done above.
            Command::Completions { .. } | Command::Man { .. } => Exit::Responses,
        }
    });
    // A pending read of standard input must not keep the process alive.
    runtime.shutdown_background();
    #[cfg(feature = "opentelemetry")]
    telemetry.end();
    exit.code()
}

/// In huge pages, what the allocator has reserved and nobody has touched would be resident. Without them a start takes 16 MB less, a request
/// in flight 7 KB less, and neither takes longer (BENCHMARKS.md).
fn forbid_huge_pages() {
    // Where it is not allowed, or there are none, all is as before.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

/// Raises the soft limit of open files to the hard limit: every connection is a file, and the usual limit of 1,024 is meant for programs
/// that use `select`. If it cannot be raised, requests beyond it fail with `connection-limit-reached`.
fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}
