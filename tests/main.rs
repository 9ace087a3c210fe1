//! End-to-end tests: the built component, hosted by wasmtime, against an origin on loopback that the test owns. No test
//! may connect to anything but loopback: every harness is made by [`support::builder`] or denies everything.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod agreement;
mod basics;
mod batch;
mod bodies;
mod breaker;
mod browser;
mod callers;
mod canary;
mod cli;
mod composition;
mod costs;
mod crossing;
mod denied;
mod edge;
mod egress;
#[cfg(feature = "call-hook")]
mod events;
mod example;
mod facts;
mod fairness;
mod faults;
mod growth;
mod hostile;
mod interruption;
mod languages;
mod lazy;
mod leaks;
mod library;
mod list;
mod manifest;
mod middle;
mod modules;
mod on_path;
mod outcomes;
mod policy_table;
mod promises;
mod readme;
mod redirects;
mod retries;
mod scarcity;
mod script;
mod serve;
mod stock;
mod stopping;
mod storing;
mod support;
#[cfg(feature = "opentelemetry")]
mod telemetry;
mod twin;
mod unread;
mod webdriver;
mod windows;
mod workers;
