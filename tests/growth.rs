//! Compatible growth of the interface: a caller built against its frozen first version works with every later component.

use crate::stock::Stock;
use crate::support::{build_guest, root};
use component_builder::compose;
use std::path::Path;
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve};

mod bindings {
    wasmtime::component::bindgen!({
        inline: "package test:frozen; world caller { export status: async func(url: string) -> result<u16, string>; }",
        require_store_data_send: true,
    });
}

/// The frozen first versions of both interfaces: name, folder and current component.
const FROZEN: [(&str, &str, &[u8]); 2] =
    [("fantail:fetch/batch", "wit", fantail::COMPONENT), ("fantail:fetch-p2/batch", "wit-p2", fantail::COMPONENT_P2)];

fn frozen(folder: &str) -> std::path::PathBuf {
    root().join("tests/frozen").join(folder)
}

/// A component that imports or exports all of an interface and does nothing.
fn stub_component(wit: &Path, verb: &str, interface: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    resolve.push_path(wit).unwrap();
    let world = format!("package test:stub; world stub {{ {verb} {interface}@0.1.0; }}");
    let package = resolve.push_str("stub.wit", &world).unwrap();
    let world = resolve.select_world(&[package], Some("stub")).unwrap();
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
}

#[test]
fn the_current_components_export_everything_in_the_frozen_interface() {
    for (interface, folder, component) in FROZEN {
        let caller = stub_component(&frozen(folder), "import", interface);
        compose(&caller, &[component]).unwrap_or_else(|error| panic!("{interface}: {error}"));
    }
}

#[tokio::test]
async fn a_caller_of_the_frozen_interface_runs_with_the_current_component() {
    let caller = compose(&build_guest("fantail-frozen"), &[fantail::COMPONENT]).unwrap();
    let mut host = Stock::new(&caller, &[]);
    let instance = bindings::Caller::instantiate_async(&mut host.store, &host.component, &host.linker).await.unwrap();
    let statuses = host.store.run_concurrent(async move |store| {
        let status = async |url: &str| instance.call_status(store, url.to_owned()).await.unwrap();
        (status("http://origin.test/ok").await, status("nowhere").await)
    });
    let expected = Err("invalid-url (Code::InvalidArgument)".to_owned());
    assert_eq!(statuses.await.unwrap(), (Ok(200), expected));
}

#[test]
fn adding_a_function_breaks_no_caller_and_changing_a_record_breaks_all() {
    for (interface, folder, _) in FROZEN {
        let text = std::fs::read_to_string(frozen(folder).join("fetch.wit")).unwrap();
        let grown =
            text.replace("    set-coalesce: func", "    set-novelty: func(count: u32);\n    set-coalesce: func");
        let changed = text.replace("    cause: string,", "    cause: string,\n    novelty: u32,");
        assert!(grown != text && changed != text);
        let older_caller = stub_component(&frozen(folder), "import", interface);
        let compose_with = |text: &str| {
            let changed_wit = tempfile::tempdir().unwrap();
            std::fs::write(changed_wit.path().join("fetch.wit"), text).unwrap();
            let deps = frozen(folder).join("deps/io");
            if deps.exists() {
                let copy = changed_wit.path().join("deps/io");
                std::fs::create_dir_all(&copy).unwrap();
                for file in std::fs::read_dir(deps).unwrap() {
                    let file = file.unwrap();
                    std::fs::copy(file.path(), copy.join(file.file_name())).unwrap();
                }
            }
            compose(&older_caller, &[&stub_component(changed_wit.path(), "export", interface)])
        };
        assert!(compose_with(&grown).is_ok(), "{:?}", compose_with(&grown).err());
        assert!(compose_with(&changed).is_err(), "{interface}: the change is noticed");
    }
}
