//! Fetches the URLs of its arguments, four at a time, and prints for each its status or the cause of its failure.
//!
//! ```sh
//! wac plug --plug fantail-p2.wasm command.wasm -o composed.wasm
//! wasmtime run -Shttp composed.wasm https://example.com/ https://example.org/
//! ```

mod component;

use component::batch::{Batch, Policy};
use component::{Command, Guest};
use std::io::Write;
use wasip2::cli::{environment, stdout};

impl Guest for Command {
    fn run() -> Result<(), ()> {
        let policy = Policy::new();
        policy.set_concurrency(4);
        let batch = Batch::start(Some(policy)).map_err(|_| ())?;
        batch.push_urls(environment::get_arguments().get(1..).unwrap_or_default())?;
        let mut stdout = stdout::get_stdout();
        while let Some(outcomes) = batch.next(100) {
            for outcome in outcomes {
                let url = outcome.url;
                match outcome.result {
                    Ok(response) => writeln!(stdout, "{url} {}", response.status),
                    Err(failure) => writeln!(stdout, "{url} {}", failure.cause),
                }
                .map_err(|_| ())?;
            }
        }
        Ok(())
    }
}
