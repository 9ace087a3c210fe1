//! The bytes of the components that the crate `fantail` runs.
//!
//! The package contains them in `built/`. In the workspace they are built from `guest/`, so that they are never older than their sources.

/// Exports `fantail:fetch/batch`, for WASI 0.3.
pub const FETCH: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/fantail.wasm"));

/// Exports `fantail:fetch-p2/batch`, for WASI 0.2.
pub const FETCH_P2: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/fantail-p2.wasm"));

/// Exports `wasi:http/handler`, for WASI 0.3: the edge composed with [`FETCH`].
pub const APPLICATION: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/application.wasm"));
