//! The component's interface as wasmtime sees it.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "fantail",
    require_store_data_send: true,
});

pub(crate) use exports::fantail::fetch::batch;
