//! The command-line program.

mod arguments;
mod config;
mod connection;
mod data;
mod demo;
mod egress;
mod exit;
mod fetch;
mod input;
mod inspect;
mod output;
mod policy;
mod progress;
mod run;
mod serve;
mod shell;
mod store;
mod suggest;
mod table;
#[cfg(feature = "opentelemetry")]
mod telemetry;
mod template;
mod totals;

use arguments::Command;
use exit::{Exit, say};
use rustix::process::{Resource, getrlimit, setrlimit};
use std::process::ExitCode;
use tokio::runtime::Builder;

/// Allocation is a large part of a request's cost in the host. This allocator halves it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = match config::parse() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let command = match arguments.command {
        Command::Completions { shell } => return shell::completions(shell).code(),
        Command::Man { folder } => return shell::manual(&folder).code(),
        command => command,
    };
    raise_open_files();
    #[cfg(feature = "opentelemetry")]
    let telemetry = match telemetry::Telemetry::start() {
        Ok(telemetry) => telemetry,
        Err(error) => return Exit::usage(format_args!("cannot export spans: {error}")).code(),
    };
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
            Command::Fetch(arguments) => fetch::run(*arguments).await,
            Command::Serve(arguments) => serve::run(*arguments).await,
            Command::Demo(arguments) => demo::run(arguments).await,
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

/// Raises the soft limit of open files to the hard limit: every connection is a file, and the usual limit of 1,024 is meant for programs
/// that use `select`. If it cannot be raised, requests beyond it fail with `connection-limit-reached`.
fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}
