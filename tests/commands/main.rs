//! Jobs, formats, options and reports of the command line: the real program, and an origin in this process. Nothing of wasmtime is linked, so
//! that these tests build fast. What the program does with a batch is tested in `tests/cli.rs`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod bodies;
mod chromium;
mod connections;
mod http;
mod input;
mod jobs;
mod options;
mod output;
mod profiles;
mod report;
mod report_in_browser;
mod shell;
mod support;
#[path = "../webdriver.rs"]
mod webdriver;
