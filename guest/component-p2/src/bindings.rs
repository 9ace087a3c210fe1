//! Bindings generated from `wit/`.

wit_bindgen::generate!({
    path: "../../wit/component-p2",
    world: "fantail:component-p2/fantail-p2",
    generate_all,
    default_bindings_module: "crate::bindings",
});
export!(Component);
use crate::Component;
