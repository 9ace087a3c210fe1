//! Bindings generated from `wit/`.

wit_bindgen::generate!({
    path: "../../wit/component",
    world: "fantail:component/fantail",
    generate_all,
    default_bindings_module: "crate::bindings",
});
export!(Component);
use crate::Component;
