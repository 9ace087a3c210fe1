//! Jobs, formats, options and reports of the command line: the real program, and an origin in this process. Nothing of wasmtime is linked, so
//! that these tests build fast. What the program does with a batch is tested in `tests/cli.rs`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod connections;
mod http;
mod bodies;
mod input;
mod jobs;
mod options;
mod profiles;
mod shell;
mod output;
mod report;
mod report_in_browser;
mod support;
mod webdriver;
