//! A component whose application did not pass on what it needs: on Spin, a dependency without `inherit_configuration`.

use crate::edge::{Edge, JSON, options};
use crate::support::{builder, failure, guest, origin, run_one};
use component_builder::compose;
use fantail::{Cause, Policy};
use fantail_engine::Request;
use serde_json::json;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, TypeDefKind};

/// How requests get out of a component.
struct WayOut {
    component: &'static [u8],
    interface: &'static str,
    function: &'static str,
    /// Of the core function.
    parameters: &'static str,
}

const P2: WayOut = WayOut {
    component: fantail::COMPONENT_P2,
    interface: "wasi:http/outgoing-handler@0.2.0",
    function: "handle",
    parameters: "i32 i32 i32",
};

const P3: WayOut =
    WayOut { component: fantail::COMPONENT, interface: "wasi:http/client@0.3.0", function: "send", parameters: "i32" };

/// A component that exports the way out and refuses whatever is sent, as Spin puts in the place of the real one.
fn refusing(WayOut { component, interface, function, parameters }: WayOut) -> Vec<u8> {
    // The words of Spin's stand-in for what is not granted.
    let name = interface.split('@').next().unwrap();
    let words = format!("\\\"{name}\\\" is not permitted");
    let mut wit = wit_component::WitPrinter::default();
    let decoded = wit_component::decode(component).unwrap();
    let (root, nested) = (decoded.package(), decoded.resolve().packages.iter().map(|(id, _)| id));
    let nested: Vec<_> = nested.filter(|package| *package != root).collect();
    wit.print(decoded.resolve(), root, &nested).unwrap();
    let printed = wit.output.to_string();
    // The component's own package comes first, and is not wanted.
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
    // result::err, internal-error, some, and where the words are and how many.
    let module = format!(
        "(module
           (memory (export \"memory\") 1)
           (data (i32.const 128) \"{words}\")
           (func (export \"{interface}#{function}\") (param {parameters}) (result i32)
             (i32.store8 (i32.const 0) (i32.const 1))
             (i32.store8 (i32.const 8) (i32.const {internal_error}))
             (i32.store8 (i32.const 16) (i32.const 1))
             (i32.store (i32.const 20) (i32.const 128))
             (i32.store (i32.const 24) (i32.const {length}))
             (i32.const 0)))",
        length = words.replace('\\', "").len()
    );
    let mut module = wat::parse_str(module).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
}

#[tokio::test]
async fn what_was_not_granted_is_said_to_be_not_granted() {
    let cut_off = compose(P3.component, &[&refusing(P3)]).unwrap();
    let application = compose(&guest("fantail-edge"), &[&cut_off, &guest("fantail-variables")]).unwrap();
    let (edge, origin) = (Edge::start(builder().component(application), options()).await, origin().await);
    let batch = json!({"requests": [origin.url("/ok"), origin.url("/ok")]}).to_string();
    let (outcomes, summary) = edge.post(JSON, batch).await.outcomes().await;
    assert_eq!(outcomes[0]["error"]["cause"], "not-granted", "{}", outcomes[0]);
    assert_eq!(outcomes[0]["error"]["fault"], "host");
    assert_eq!(summary["by_cause"], json!({"not-granted": 2}));
    assert_eq!(origin.counts().connections, 0);
}

#[tokio::test]
async fn the_same_over_wasi_0_2() {
    let cut_off = compose(P2.component, &[&refusing(P2)]).unwrap();
    let (harness, origin) = (builder().component(cut_off).build().unwrap(), origin().await);
    let outcome = run_one(&harness, Request::get(0, origin.url("/ok")), &Policy::default()).await;
    assert_eq!(failure(&outcome).cause, Cause::NotGranted, "{outcome:?}");
    assert_eq!(origin.counts().connections, 0);
}
