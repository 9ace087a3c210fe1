//! Between the components' types, as wasmtime sees them, and the engine's, which are the harness's own.

/// For WASI 0.2.
pub(crate) mod p2 {
    use crate::bindings::p2::batch as wit;

    fantail_engine::caller_conversions!();
}

/// For WASI 0.3.
pub(crate) mod p3 {
    use crate::bindings::batch as wit;

    fantail_engine::caller_conversions!();
}
