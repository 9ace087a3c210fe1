//! Conversions between the engine's types and those that bindings generators make of the WIT interface.
//!
//! Components, the application and the harness have generated types of their own, with the same names. Each has its
//! generated module in scope as `wit` and calls:
//!
//! - [`types!`](crate::types) for records, enums and variants, in both directions;
//! - then [`exports!`](crate::exports) in a component that exports the interface, [`guest_setters!`](crate::guest_setters) in a component
//!   that imports it, or [`host_setters!`](crate::host_setters) in a wasmtime host that calls it.
//!
//! A field that is missing here or in one of the two types is a compile error.

mod callers;
mod convert;
mod exports;
mod types;

pub use convert::Convert;
pub use fantail_engine as engine;
pub use pastey::paste;
