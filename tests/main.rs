//! End-to-end tests: the built component, hosted by wasmtime, against an origin on loopback that the test owns.

mod basics;
mod support;
