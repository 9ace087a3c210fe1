//! What the libraries report while they run, on standard error: `-v`, or the environment variable `RUST_LOG`.

use super::Exit;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{Layer, Registry};

/// Something that takes events and spans.
pub(crate) type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Starts reporting, and passes everything to `others`, too.
pub(crate) fn start(verbose: u8, others: Option<BoxedLayer>) -> Result<(), Exit> {
    let variable = std::env::var("RUST_LOG").ok().filter(|filter| !filter.trim().is_empty());
    let filter = match variable.as_deref().map(str::parse::<Targets>) {
        Some(Ok(filter)) => Some(filter),
        Some(Err(error)) => {
            let example = "expected levels by target, such as debug or fantail=debug,h2=info";
            return Err(Exit::usage(format_args!("the environment variable RUST_LOG: {error}: {example}")));
        }
        None => by_count(verbose),
    };
    let report = filter.map(|filter| {
        let lines = fmt::layer().with_writer(std::io::stderr).with_timer(fmt::time::uptime()).with_ansi(false);
        // By default an error of writing panics if standard error is what cannot be written.
        lines.log_internal_errors(false).with_filter(filter).boxed()
    });
    let layers: Vec<BoxedLayer> = report.into_iter().chain(others).collect();
    if !layers.is_empty() {
        tracing_subscriber::registry().with(layers).init();
    }
    Ok(())
}

/// `-v` is what we do, `-vv` also what the libraries below do, `-vvv` everything.
fn by_count(verbose: u8) -> Option<Targets> {
    match verbose {
        0 => None,
        1 => Some(Targets::new().with_target("fantail", LevelFilter::DEBUG)),
        2 => Some(Targets::new().with_default(LevelFilter::DEBUG)),
        _ => Some(Targets::new().with_default(LevelFilter::TRACE)),
    }
}
