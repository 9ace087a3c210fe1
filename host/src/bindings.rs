//! The components' interfaces as wasmtime sees them.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "fantail",
    require_store_data_send: true,
});

pub(crate) use exports::fantail::fetch::batch;

/// Those of WASI 0.2.
pub(crate) mod p2 {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "fantail-p2",
        require_store_data_send: true,
        imports: { default: async | trappable },
        exports: { default: async },
        with: { "wasi:io": wasmtime_wasi::p2::bindings::io },
    });

    pub(crate) use exports::fantail::fetch::batch_p2 as batch;
}
