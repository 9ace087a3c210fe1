//! The arguments of the command line.

use super::policy::PolicyOptions;
use clap::{Args, Parser, Subcommand};
use fantail::{OriginPattern, Wasi};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Fan-out of HTTP requests through a WebAssembly component: exactly one outcome per request.
#[derive(Parser)]
#[command(version, max_term_width = 110)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Sends requests and prints one JSON object per outcome.
    #[command(after_help = EXIT_CODES)]
    Fetch(Box<Fetch>),
    /// Serves the application: POST a batch, get a line per outcome. The same as on Spin, without Spin.
    Serve(Box<Serve>),
    /// Sends 1,000 requests through the component to a faulty origin of its own, on loopback.
    #[command(after_help = EXIT_CODES)]
    Demo(Demo),
    /// Prints what a component imports and exports, and what it could therefore do.
    Inspect {
        /// The component.
        file: PathBuf,
    },
}

const EXIT_CODES: &str = "Exit codes: 0 every request got a response of any status, 1 some failed (each has its line) or \
                          outcomes could not be written, 2 usage or input error before anything was sent, 130 \
                          interrupted. With --until N: 0 if there were N successes, whatever else there was, else 1. \
                          With --until first-failure: 0 if every response was a success, else 1. A success is a \
                          response with a status below 400.";

#[derive(Args)]
pub(crate) struct Fetch {
    /// URLs to fetch, before those of --input.
    #[arg(value_name = "URL", required_unless_present = "input")]
    pub(crate) urls: Vec<String>,
    /// A file with a request per line, a URL or a JSON object; `-` for standard input. Read lazily, may be endless.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// The method of requests given as URLs [default: GET, POST with -d].
    #[arg(short = 'X', long = "request", value_name = "METHOD")]
    pub(crate) method: Option<String>,
    /// A header for requests given as URLs.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    pub(crate) headers: Vec<(String, String)>,
    /// The body of requests given as URLs.
    #[arg(short = 'd', long = "data", value_name = "BODY")]
    pub(crate) data: Option<String>,
    #[command(flatten)]
    pub(crate) policy: PolicyOptions,
    /// The version of WASI whose component is run: 0.2 or 0.3. Both do the same; 0.2 costs less here.
    #[arg(long, value_name = "VERSION", default_value = "0.2", value_parser = wasi)]
    pub(crate) wasi: Wasi,
    #[command(flatten)]
    pub(crate) egress: Egress,
    /// Stores each body in this folder, whatever its length, in a file named after the request's id, in place of printing
    /// it. Of the timeouts only --idle-timeout holds beyond the head.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["body", "max_body"])]
    pub(crate) output_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) display: Display,
}

#[derive(Args, Clone, Copy)]
pub(crate) struct Display {
    /// Shows no progress bar. It is shown only on a terminal anyway.
    #[arg(long)]
    pub(crate) no_progress: bool,
}

#[derive(Args)]
#[command(next_help_heading = "Egress")]
pub(crate) struct Egress {
    /// Allows only origins that are listed, such as https://*.example.com or http://127.0.0.1:8000. May be repeated.
    #[arg(long, value_name = "PATTERN")]
    pub(crate) allow: Vec<OriginPattern>,
    /// Allows addresses that are not globally reachable: a network such as 127.0.0.0/8, or one address.
    #[arg(long, value_name = "CIDR", value_parser = network)]
    pub(crate) allow_net: Vec<IpNet>,
    /// Refuses a network whatever else is allowed.
    #[arg(long, value_name = "CIDR", value_parser = network)]
    pub(crate) deny_net: Vec<IpNet>,
    /// Trusts the certificates of this PEM file, and no others.
    #[arg(long, value_name = "FILE")]
    pub(crate) cacert: Option<PathBuf>,
    /// A PEM file with the certificate to show to servers that ask for one.
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,
    /// Its private key, in PEM.
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
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

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("expected 'name: value'")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected name=value")?;
    Ok((name.trim().to_ascii_lowercase(), value.to_owned()))
}

fn network(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address.or_else(|_| text.parse()).map_err(|_| "expected a network such as 127.0.0.0/8 or one address".to_owned())
}
