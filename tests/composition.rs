//! The imports of the components, which are all that they can do.

use wasmtime::component::Component;
use wasmtime::{Config, Engine};

/// The names of the imports and exports of a component.
pub(crate) fn names(component: &[u8]) -> (Vec<String>, Vec<String>) {
    let mut config = Config::new();
    config.wasm_component_model_async(true);
    let engine = Engine::new(&config).unwrap();
    let ty = Component::from_binary(&engine, component).unwrap().component_type();
    let imports = ty.imports(&engine).map(|(name, _)| name.to_owned()).collect();
    let exports = ty.exports(&engine).map(|(name, _)| name.to_owned()).collect();
    (imports, exports)
}

#[test]
fn the_component_imports_http_and_clocks_and_exports_the_interface() {
    let (mut imports, exports) = names(fantail::COMPONENT);
    imports.sort_unstable();
    assert_eq!(
        imports,
        [
            "wasi:clocks/monotonic-clock@0.3.0",
            "wasi:clocks/types@0.3.0",
            "wasi:http/client@0.3.0",
            "wasi:http/types@0.3.0"
        ]
    );
    assert_eq!(exports, ["fantail:fetch/batch@0.1.0"]);
}

#[test]
fn the_component_for_wasi_0_2_imports_http_clocks_and_io() {
    let (mut imports, exports) = names(fantail::COMPONENT_P2);
    imports.sort_unstable();
    assert_eq!(
        imports,
        [
            "wasi:clocks/monotonic-clock@0.2.0",
            "wasi:http/outgoing-handler@0.2.0",
            "wasi:http/types@0.2.0",
            "wasi:io/error@0.2.0",
            "wasi:io/poll@0.2.0",
            "wasi:io/streams@0.2.0"
        ]
    );
    assert_eq!(exports, ["fantail:fetch-p2/batch@0.1.0"]);
}
