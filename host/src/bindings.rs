//! Host bindings of the components' exports. Their imports are provided by the sandbox.

/// The interface for WASI 0.3.
pub(crate) mod p3 {
    wasmtime::component::bindgen!({
        inline: "package fantail:host; world fantail { export fantail:fetch/batch@0.1.0; }",
        path: "wit/fetch",
        world: "fantail:host/fantail",
        require_store_data_send: true,
        exports: { default: async | store },
    });

    pub(crate) use exports::fantail::fetch::batch;
}

/// The interface for WASI 0.2.
pub(crate) mod p2 {
    wasmtime::component::bindgen!({
        inline: "package fantail:host; world fantail { export fantail:fetch-p2/batch@0.1.0; }",
        path: "wit/fetch-p2",
        world: "fantail:host/fantail",
        require_store_data_send: true,
        imports: { default: async | trappable },
        exports: { default: async },
        with: { "wasi:io": wasmtime_wasi::p2::bindings::io },
    });

    pub(crate) use exports::fantail::fetch_p2::batch;
}
