//! The policy as options.

use clap::{Args, ValueEnum};
use fantail::{BodyMode, Hedge, Order, Policy, Until};
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Args)]
#[command(next_help_heading = "Policy")]
pub(crate) struct PolicyOptions {
    /// A JSON file with a policy; options given here come before it.
    #[arg(long = "policy", value_name = "FILE")]
    file: Option<PathBuf>,
    /// Requests in flight at once [default: 64].
    #[arg(short, long, value_name = "N")]
    concurrency: Option<u32>,
    /// Requests read and not yet printed: waiting, in flight, or finished [default: twice --concurrency].
    #[arg(long, value_name = "N", hide_short_help = true)]
    window: Option<u32>,
    /// Bytes that those hold together, such as 64MiB [default: 128MiB].
    #[arg(long, value_name = "SIZE", hide_short_help = true)]
    window_bytes: Option<bytesize::ByteSize>,
    /// Requests in flight at once to one origin [default: as --concurrency].
    #[arg(long, value_name = "N")]
    per_origin: Option<u32>,
    /// Lets that limit adapt to what each origin bears, down to this many [default: it does not adapt].
    #[arg(long, value_name = "N")]
    per_origin_floor: Option<u32>,
    /// Attempts per second to one origin [default: no limit].
    #[arg(long, value_name = "N")]
    rate: Option<u32>,
    /// Attempts at once after a pause, under --rate [default: 1].
    #[arg(long, value_name = "N", hide_short_help = true)]
    burst: Option<u32>,
    /// Time for one request, waiting included, such as 30s [default: 60s].
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    timeout: Option<Duration>,
    /// Time for one attempt [default: 30s].
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    attempt_timeout: Option<Duration>,
    /// Time to resolve, to connect and to agree on TLS, each [default: 5s].
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    connect_timeout: Option<Duration>,
    /// Time to the whole response head [default: 15s].
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    head_timeout: Option<Duration>,
    /// Time between two pieces of a body [default: 15s].
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    idle_timeout: Option<Duration>,
    /// Time for everything [default: none].
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    deadline: Option<Duration>,
    /// How often a request is sent again at most, if repeating it does no harm [default: 0].
    #[arg(long, value_name = "N")]
    retries: Option<u32>,
    /// How long the first retry waits at most, each further one twice as long [default: 100ms].
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    backoff: Option<Duration>,
    /// How long a retry waits at most, however many came before [default: 10s].
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, hide_short_help = true)]
    max_backoff: Option<Duration>,
    /// Retries that one origin may be sent, in per cent of its requests over the last ten seconds [default: 20].
    #[arg(long, value_name = "PERCENT", hide_short_help = true)]
    retry_ratio: Option<u32>,
    /// Retries per second that it may be sent beside those [default: 10].
    #[arg(long, value_name = "N", hide_short_help = true)]
    retry_floor: Option<u32>,
    /// Redirects followed at most for one request [default: 0].
    #[arg(long, value_name = "N")]
    redirects: Option<u32>,
    /// Asks a second time when there is no head after this long, or with `auto` when it takes longer than 95 of 100 did, and
    /// takes the first good answer [default: never].
    #[arg(long, value_name = "TIME|auto", value_parser = hedge)]
    hedge: Option<Hedge>,
    /// Leaves an origin alone when this many of a hundred attempts to it have failed [default: never].
    #[arg(long, value_name = "PERCENT")]
    breaker: Option<u32>,
    /// How many attempts there must have been for that [default: 20].
    #[arg(long, value_name = "N", hide_short_help = true)]
    breaker_minimum: Option<u32>,
    /// How long an origin is left alone before it is tried again [default: 5s].
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, hide_short_help = true)]
    breaker_open: Option<Duration>,
    /// Lets requests that are the same share one answer while it is on its way.
    #[arg(long)]
    coalesce: bool,
    /// In which order outcomes are printed [default: completion].
    #[arg(long, value_name = "ORDER", value_enum)]
    order: Option<OrderName>,
    /// When to stop: at the end, after N successes (responses with a status below 400), or at the first outcome that is
    /// not one [default: all].
    #[arg(long, value_name = "all|first-failure|N", value_parser = until)]
    until: Option<Until>,
    /// What to do with bodies [default: collect].
    #[arg(long, value_name = "MODE", value_enum)]
    body: Option<BodyName>,
    /// Bytes of a body that is collected, such as 10MiB; a longer one is a failure [default: 1MiB].
    #[arg(long, value_name = "SIZE")]
    max_body: Option<bytesize::ByteSize>,
}

impl PolicyOptions {
    /// The file that the options come before.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// What was given, and where nothing was, what `file` says.
    pub(crate) fn over(&self, file: Policy) -> Policy {
        let body = self.body.map(|name| match name {
            BodyName::None => BodyMode::Discard,
            BodyName::Collect => BodyMode::Bytes,
        });
        Policy {
            concurrency: self.concurrency.or(file.concurrency),
            window: self.window.or(file.window),
            body: body.or(file.body),
            window_bytes: self.window_bytes.map(|size| size.as_u64()).or(file.window_bytes),
            max_body: self.max_body.map(|size| size.as_u64()).or(file.max_body),
            max_unread: file.max_unread,
            connect_timeout: self.connect_timeout.or(file.connect_timeout),
            head_timeout: self.head_timeout.or(file.head_timeout),
            idle_timeout: self.idle_timeout.or(file.idle_timeout),
            attempt_timeout: self.attempt_timeout.or(file.attempt_timeout),
            timeout: self.timeout.or(file.timeout),
            deadline: self.deadline.or(file.deadline),
            order: self.order.map(Order::from).or(file.order),
            until: self.until.or(file.until),
            retries: self.retries.or(file.retries),
            backoff: self.backoff.or(file.backoff),
            max_backoff: self.max_backoff.or(file.max_backoff),
            retry_ratio: self.retry_ratio.or(file.retry_ratio),
            retry_floor: self.retry_floor.or(file.retry_floor),
            redirects: self.redirects.or(file.redirects),
            per_origin: self.per_origin.or(file.per_origin),
            per_origin_floor: self.per_origin_floor.or(file.per_origin_floor),
            breaker_ratio: self.breaker.or(file.breaker_ratio),
            breaker_minimum: self.breaker_minimum.or(file.breaker_minimum),
            breaker_open: self.breaker_open.or(file.breaker_open),
            hedge: self.hedge.or(file.hedge),
            rate: self.rate.or(file.rate),
            burst: self.burst.or(file.burst),
            coalesce: self.coalesce.then_some(true).or(file.coalesce),
            // The harness says.
            host_facts: None,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum OrderName {
    Completion,
    Input,
}

impl From<OrderName> for Order {
    fn from(name: OrderName) -> Self {
        match name {
            OrderName::Completion => Order::Completion,
            OrderName::Input => Order::Input,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum BodyName {
    /// Read and forgotten; `discard`, as in a policy's JSON, is understood too.
    #[value(alias = "discard")]
    None,
    /// Printed with the outcome; `bytes`, as in a policy's JSON, is understood too.
    #[value(alias = "bytes")]
    Collect,
}

fn until(text: &str) -> Result<Until, String> {
    match text {
        "all" => Ok(Until::All),
        "first" | "first-failure" => Ok(Until::FirstFailure),
        number => {
            number.parse().map(Until::Successes).map_err(|_| "expected all, first-failure, or a number".to_owned())
        }
    }
}

fn hedge(text: &str) -> Result<Hedge, String> {
    match text {
        "auto" => Ok(Hedge::Auto),
        delay => {
            humantime::parse_duration(delay).map(Hedge::After).map_err(|error| format!("expected auto, or {error}"))
        }
    }
}
