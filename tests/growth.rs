//! What "can grow" means: a caller that was built against the first text of the interface fits every later component.

use crate::stock::Stock;
use crate::support::{guest, root};
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

/// Where the texts of both interfaces stay as they were first.
const FROZEN: [(&str, &str, &[u8]); 2] =
    [("fantail:fetch/batch", "wit", fantail::COMPONENT), ("fantail:fetch-p2/batch", "wit-p2", fantail::COMPONENT_P2)];

fn frozen(folder: &str) -> std::path::PathBuf {
    root().join("tests/frozen").join(folder)
}

/// A component that imports or exports all of an interface, and does nothing.
fn hollow(wit: &Path, verb: &str, interface: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    resolve.push_path(wit).unwrap();
    let world = format!("package test:hollow; world hollow {{ {verb} {interface}@0.1.0; }}");
    let package = resolve.push_str("hollow.wit", &world).unwrap();
    let world = resolve.select_world(&[package], Some("hollow")).unwrap();
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
}

#[test]
fn the_present_components_have_all_that_the_first_text_has() {
    for (interface, folder, component) in FROZEN {
        let caller = hollow(&frozen(folder), "import", interface);
        compose(&caller, &[component]).unwrap_or_else(|error| panic!("{interface}: {error}"));
    }
}

#[tokio::test]
async fn a_caller_of_the_first_text_runs_with_the_present_component() {
    let caller = compose(&guest("fantail-frozen"), &[fantail::COMPONENT]).unwrap();
    let mut host = Stock::new(&caller, &[]);
    let instance = bindings::Caller::instantiate_async(&mut host.store, &host.component, &host.linker).await.unwrap();
    let answers = host.store.run_concurrent(async move |store| {
        let ask = async |url: &str| instance.call_status(store, url.to_owned()).await.unwrap();
        (ask("http://origin.test/ok").await, ask("nowhere").await)
    });
    let expected = Err("invalid-url (Code::InvalidArgument)".to_owned());
    assert_eq!(answers.await.unwrap(), (Ok(200), expected));
}

#[test]
fn a_function_more_breaks_no_caller_and_a_record_changed_breaks_all() {
    for (interface, folder, _) in FROZEN {
        let text = std::fs::read_to_string(frozen(folder).join("fetch.wit")).unwrap();
        let grown =
            text.replace("    set-coalesce: func", "    set-novelty: func(count: u32);\n    set-coalesce: func");
        let changed = text.replace("    cause: string,", "    cause: string,\n    novelty: u32,");
        assert!(grown != text && changed != text);
        let older_caller = hollow(&frozen(folder), "import", interface);
        let with = |text: &str| {
            let folder_of_text = tempfile::tempdir().unwrap();
            std::fs::write(folder_of_text.path().join("fetch.wit"), text).unwrap();
            let deps = frozen(folder).join("deps/io");
            if deps.exists() {
                let copy = folder_of_text.path().join("deps/io");
                std::fs::create_dir_all(&copy).unwrap();
                for file in std::fs::read_dir(deps).unwrap() {
                    let file = file.unwrap();
                    std::fs::copy(file.path(), copy.join(file.file_name())).unwrap();
                }
            }
            compose(&older_caller, &[&hollow(folder_of_text.path(), "export", interface)])
        };
        assert!(with(&grown).is_ok(), "{:?}", with(&grown).err());
        assert!(with(&changed).is_err(), "{interface}: that this is noticed");
    }
}
