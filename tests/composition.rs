//! What the component can do, by what it imports.

use wasmtime::component::Component;
use wasmtime::{Config, Engine};

#[test]
fn the_component_imports_http_and_clocks_and_exports_the_interface() {
    let mut config = Config::new();
    config.wasm_component_model_async(true);
    let engine = Engine::new(&config).unwrap();
    let component = Component::from_binary(&engine, fantail::COMPONENT).unwrap();
    let ty = component.component_type();
    let mut imports: Vec<&str> = ty.imports(&engine).map(|(name, _)| name).collect();
    imports.sort_unstable();
    assert_eq!(
        imports,
        [
            "wasi:clocks/monotonic-clock@0.3.2",
            "wasi:clocks/types@0.3.2",
            "wasi:http/client@0.3.2",
            "wasi:http/types@0.3.2"
        ]
    );
    let exports: Vec<&str> = ty.exports(&engine).map(|(name, _)| name).collect();
    assert_eq!(exports, ["fantail:fetch/batch@0.1.0"]);
}
