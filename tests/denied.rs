//! A component to which the application did not pass on its permissions: on Spin, a dependency without `inherit_configuration`.

use crate::edge::{Edge, JSON, options};
use crate::support::{build_guest, builder, failure, origin, run_one};
use component_builder::compose;
use fantail::{Cause, Policy};
use fantail_engine::Request;
use serde_json::json;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, TypeDefKind};

/// The import through which a component sends requests.
struct HttpImport {
    component: &'static [u8],
    interface: &'static str,
    function: &'static str,
    /// Parameters of the core function.
    parameters: &'static str,
}

const P2: HttpImport = HttpImport {
    component: fantail::COMPONENT_P2,
    interface: "wasi:http/outgoing-handler@0.2.0",
    function: "handle",
    parameters: "i32 i32 i32",
};

const P3: HttpImport = HttpImport {
    component: fantail::COMPONENT,
    interface: "wasi:http/client@0.3.0",
    function: "send",
    parameters: "i32",
};

/// A component that exports this interface and refuses every request, like the one that Spin substitutes for the real one.
fn refusing_component(HttpImport { component, interface, function, parameters }: HttpImport) -> Vec<u8> {
    // The message of Spin's substitute for an interface that is not granted.
    let name = interface.split('@').next().unwrap();
    let message = format!("\\\"{name}\\\" is not permitted");
    let mut wit = wit_component::WitPrinter::default();
    let decoded = wit_component::decode(component).unwrap();
    let (root, nested) = (decoded.package(), decoded.resolve().packages.iter().map(|(id, _)| id));
    let nested: Vec<_> = nested.filter(|package| *package != root).collect();
    wit.print(decoded.resolve(), root, &nested).unwrap();
    let printed = wit.output.to_string();
    // Skips the component's own package, which comes first.
    let (_, nested) = printed.split_at(printed.find("\npackage ").unwrap());
    let text = format!("package test:refusing;\nworld refusing {{ export {interface}; }}\n{nested}");
    let mut resolve = Resolve::default();
    let package = resolve.push_str("refusing.wit", &text).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let error_codes = resolve.types.iter().find_map(|(_, ty)| match (&ty.name, &ty.kind) {
        (Some(name), TypeDefKind::Variant(variant)) if name == "error-code" => Some(&variant.cases),
        _ => None,
    });
    let internal_error = error_codes.unwrap().iter().position(|case| case.name == "internal-error").unwrap();
    // result::err, internal-error, some, and the address and length of the message.
    let module = format!(
        "(module
           (memory (export \"memory\") 1)
           (data (i32.const 128) \"{message}\")
           (func (export \"{interface}#{function}\") (param {parameters}) (result i32)
             (i32.store8 (i32.const 0) (i32.const 1))
             (i32.store8 (i32.const 8) (i32.const {internal_error}))
             (i32.store8 (i32.const 16) (i32.const 1))
             (i32.store (i32.const 20) (i32.const 128))
             (i32.store (i32.const 24) (i32.const {length}))
             (i32.const 0)))",
        length = message.replace('\\', "").len()
    );
    let mut module = wat::parse_str(module).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
}

#[tokio::test]
async fn requests_without_the_hosts_permission_fail_as_not_granted() {
    let cut_off = compose(P3.component, &[&refusing_component(P3)]).unwrap();
    let application = compose(&build_guest("fantail-edge"), &[&cut_off, &build_guest("fantail-variables")]).unwrap();
    let (edge, origin) = (Edge::start(builder().component(application), options()).await, origin().await);
    let batch = json!({"requests": [origin.url("/ok"), origin.url("/ok")]}).to_string();
    let (outcomes, summary) = edge.post(JSON, batch).await.outcomes().await;
    assert_eq!(outcomes[0]["error"]["cause"], "not-granted", "{}", outcomes[0]);
    assert_eq!(outcomes[0]["error"]["fault"], "host");
    assert_eq!(summary["by_cause"], json!({"not-granted": 2}));
    assert_eq!(origin.counts().connections, 0);
}

#[tokio::test]
async fn requests_without_the_hosts_permission_fail_as_not_granted_over_wasi_0_2() {
    let cut_off = compose(P2.component, &[&refusing_component(P2)]).unwrap();
    let (harness, origin) = (builder().component(cut_off).build().unwrap(), origin().await);
    let outcome = run_one(&harness, Request::get(0, origin.url("/ok")), &Policy::default()).await;
    assert_eq!(failure(&outcome).cause, Cause::NotGranted, "{outcome:?}");
    assert_eq!(origin.counts().connections, 0);
}
