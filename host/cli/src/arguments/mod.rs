//! The arguments of the command line.

mod connection;
mod egress;
mod http;
mod profile;

use super::input::options::InputOptions;
use super::job::options::JobOptions;
use super::output::{Display, OutputOptions};
use super::policy::PolicyOptions;
use super::report::{ExportOptions, ReportArguments};
use clap::{ArgAction, Args, Parser, Subcommand};
use clap_complete::Shell;
pub(crate) use connection::{Connection, Resolved};
pub(crate) use egress::Egress;
use fantail::Wasi;
pub(crate) use http::Http;
pub(crate) use profile::Profile;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Fan-out of HTTP requests through a WebAssembly component: exactly one outcome per request.
#[derive(Parser)]
#[command(name = "fantail", version, max_term_width = 110)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Says what happens inside, on standard error; -vv with the libraries below, -vvv with everything. RUST_LOG, such as
    /// fantail=debug,h2=info, comes before it.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Sends requests and prints one line per outcome: for people on a terminal, else JSON.
    #[command(after_help = EXIT_CODES)]
    Fetch(Box<Fetch>),
    /// Serves the application: POST a batch, get a line per outcome. The same as on Spin, without Spin.
    Serve(Box<Serve>),
    /// Sends 1,000 requests through the component to a faulty origin of its own, on loopback.
    #[command(after_help = EXIT_CODES)]
    Demo(Demo),
    /// Makes a page or a HAR file of outcomes that were written before. Exits with 1 if some lines are no outcomes.
    Report(ReportArguments),
    /// Prints what a component imports and exports, and what it could therefore do.
    Inspect {
        /// The component.
        file: PathBuf,
    },
    /// Prints completions for a shell, for example: fantail completions bash > /etc/bash_completion.d/fantail
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Writes manual pages: fantail.1, and one for each command.
    Man {
        /// The folder, which is created if it is missing.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

const EXIT_CODES: &str = "Exit codes: 0 every request got a response of any status, 1 some failed (each has its line) or \
                          outcomes could not be written, 2 usage or input error before anything was sent, 130 \
                          interrupted. With --until N: 0 if there were N successes, whatever else there was, else 1. \
                          With --until first-failure: 0 if every response was a success, else 1. A success is a \
                          response with a status below 400. With --fail a response that is no success counts \
                          as failed.";

#[derive(Args)]
pub(crate) struct Fetch {
    /// URLs to fetch, before those of --input.
    #[arg(value_name = "URL", required_unless_present = "input")]
    pub(crate) urls: Vec<String>,
    /// A file with a request per line, a URL or a JSON object; `-` for standard input. Read lazily, may be endless.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) input_options: InputOptions,
    /// The version of WASI whose component is run: 0.2 or 0.3. Both do the same; 0.2 costs less here.
    #[arg(long, value_name = "VERSION", default_value = "0.2", value_parser = wasi)]
    pub(crate) wasi: Wasi,
    /// Threads that share the requests, each with an instance and connections of its own. Limits are divided among them;
    /// one does all if the policy cannot be divided [default: as many as there are processors, 4 at most].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) workers: Option<u16>,
    #[command(flatten)]
    pub(crate) http: Http,
    #[command(flatten)]
    pub(crate) policy: PolicyOptions,
    #[command(flatten)]
    pub(crate) egress: Egress,
    #[command(flatten)]
    pub(crate) job: JobOptions,
    /// Stores each body in this folder, whatever its length, in a file named by --name, in place of printing it. Of the
    /// timeouts only --idle-timeout holds beyond the head.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["body", "max_body"], help_heading = "Output")]
    pub(crate) output_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) exports: ExportOptions,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    /// Read before all others (`config`).
    #[command(flatten)]
    pub(crate) _profile: Profile,
}

#[derive(Args)]
pub(crate) struct Serve {
    /// Where to listen. With port 0 a free one is taken, and said.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3000")]
    pub(crate) listen: SocketAddr,
    /// A variable of the application, such as api_token, max_requests or max_deadline. Comes before SPIN_VARIABLE_NAME in
    /// the environment, where a secret is not seen by others.
    #[arg(long = "variable", value_name = "NAME=VALUE", value_parser = variable)]
    pub(crate) variables: Vec<(String, String)>,
    /// Instances at once.
    #[arg(long, value_name = "N", default_value = "4", value_parser = clap::value_parser!(u16).range(1..=1_024))]
    pub(crate) instances: u16,
    /// Requests that one instance serves at once.
    #[arg(long, value_name = "N", default_value = "16", value_parser = clap::value_parser!(u16).range(1..=1_024))]
    pub(crate) callers: u16,
    /// Bytes that one instance may hold.
    #[arg(long, value_name = "SIZE", default_value = "1GiB")]
    pub(crate) memory: bytesize::ByteSize,
    /// A file with the tokens of callers, each with a name and limits of its own, in TOML (or JSON, if it ends in .json):
    /// [[tokens]], name = "ci", token = "…", max_batches = 2, max_deadline = "10s", metrics = true.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Prints a line per request to standard error: time, peer, name of the token, method, path, status, bytes, duration.
    #[arg(long)]
    pub(crate) access_log: bool,
    /// Connections of clients at once.
    #[arg(long, value_name = "N", default_value = "1024", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) max_connections: u16,
    /// Connections of one IPv4 address, or one IPv6 network of 64 bits. Behind a proxy, give it as many as --max-connections.
    #[arg(long, value_name = "N", default_value = "256", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) max_connections_per_peer: u16,
    /// Time for those being answered when the service is told to stop.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = grace)]
    pub(crate) grace: Duration,
    #[command(flatten)]
    pub(crate) egress: Egress,
}

#[derive(Args)]
pub(crate) struct Demo {
    /// Requests in flight at once.
    #[arg(short, long, value_name = "N", default_value_t = 64)]
    pub(crate) concurrency: u32,
    #[command(flatten)]
    pub(crate) display: Display,
}

/// Threads at most that nobody asked for.
const MAX_WORKERS: usize = 4;

/// More than anybody needs, and far too short for an overflow when it is added to the current time.
const MAX_GRACE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

fn grace(text: &str) -> Result<Duration, String> {
    let grace = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let max = humantime::format_duration(MAX_GRACE);
    if grace <= MAX_GRACE { Ok(grace) } else { Err(format!("expected {max} at most")) }
}

fn wasi(text: &str) -> Result<Wasi, &'static str> {
    match text {
        "0.2" => Ok(Wasi::P2),
        "0.3" => Ok(Wasi::P3),
        _ => Err("expected 0.2 or 0.3"),
    }
}

impl Fetch {
    /// On how many threads the requests are sent.
    pub(crate) fn workers(&self) -> usize {
        let available = || std::thread::available_parallelism().map_or(1, |count| count.get().min(MAX_WORKERS));
        self.workers.map_or_else(available, usize::from)
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected name=value")?;
    Ok((name.trim().to_ascii_lowercase(), value.to_owned()))
}
