//! Fetches the URLs it is given as arguments, four at a time, and prints the status of each, or why it has none.
//!
//! ```sh
//! wac plug --plug fantail-p2.wasm command.wasm -o composed.wasm
//! wasmtime run -Shttp composed.wasm https://example.com/ https://example.org/
//! ```

mod component;

use component::batch::{Batch, Policy, Request};
use component::{Command, Guest};
use std::io::Write;
use wasip2::cli::{environment, stdout};

impl Guest for Command {
    fn run() -> Result<(), ()> {
        let policy = Policy::new();
        policy.set_concurrency(4);
        let batch = Batch::start(Some(policy)).map_err(|_| ())?;
        let urls = environment::get_arguments().into_iter().skip(1);
        let get = |(id, url)| Request { id, method: "GET".into(), url, headers: vec![], body: None, options: None };
        batch.push((0..).zip(urls).map(get).collect())?;
        batch.finish();
        let mut stdout = stdout::get_stdout();
        while let Some(outcomes) = batch.next(100, None) {
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
