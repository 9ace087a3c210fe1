//! A caller in Go.

use super::{example, lines, tools, wit};
use crate::stock::Stock;
use crate::support::root;
use component_builder::compose;
use serde_json::Value;
use std::path::{Path, PathBuf};
use tokio::process::Command;
use wasi_preview1_component_adapter_provider as adapter;
use wit_bindgen_core::Files;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

mod bindings {
    wasmtime::component::bindgen!({
        inline: "package example:caller; world caller { export run: func(urls: list<string>) -> list<string>; }",
        require_store_data_send: true,
        exports: { default: async },
    });
}

fn world(wit: &Path) -> (Resolve, WorldId) {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(wit).unwrap();
    let world = resolve.select_world(&[package], Some("caller")).unwrap();
    (resolve, world)
}

/// Generates bindings, as `wit-bindgen go` does.
fn generate(wit: &Path, folder: &Path) {
    let (mut resolve, world) = world(wit);
    let mut files = Files::default();
    wit_bindgen_go::Opts::default().build().generate(&mut resolve, world, &mut files).unwrap();
    for (name, contents) in files.iter() {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, contents).unwrap();
    }
}

/// Makes a component of a module, as `wasm-tools component embed` and `wasm-tools component new` do.
fn component(wit: &Path, mut module: Vec<u8>) -> Vec<u8> {
    let (resolve, world) = world(wit);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let encoder = ComponentEncoder::default().module(&module).unwrap();
    let adapter =
        encoder.adapter(adapter::WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, adapter::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER);
    adapter.unwrap().encode().unwrap()
}

/// The Go package that the bindings import. The generator's crate contains it, so that no Go module proxy is needed.
async fn runtime() -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version", "1", "--offline", "--locked"]).current_dir(root());
    let metadata: Value = serde_json::from_str(&lines(&mut cargo).await.concat()).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let generator = packages.iter().find(|package| package["name"] == "wit-bindgen-go").unwrap();
    Path::new(generator["manifest_path"].as_str().unwrap()).with_file_name("src").join("pkg")
}

#[tokio::test]
#[ignore = "needs the tools in xtask/tools/requirements.txt"]
async fn go_callers_run_composed_with_the_component() {
    let folder = tempfile::tempdir().unwrap();
    let wit = wit("go", folder.path());
    generate(&wit, folder.path());
    let package = folder.path().join("export_wit_world");
    std::fs::create_dir(&package).unwrap();
    std::fs::copy(example("go/caller.go"), package.join("caller.go")).unwrap();
    let go = |arguments: &[&str]| {
        let mut go = Command::new(tools("python").join("bin/go"));
        go.current_dir(folder.path()).env("GOCACHE", tools("go-cache")).env("GOPROXY", "off");
        go.env("GOTOOLCHAIN", "local").env("GOFLAGS", "-mod=mod").env("GOOS", "wasip1").env("GOARCH", "wasm");
        go.args(arguments);
        go
    };
    let runtime = format!("-replace=go.bytecodealliance.org/pkg={}", runtime().await.display());
    lines(&mut go(&["mod", "edit", &runtime])).await;
    let flags = "-ldflags=-s -w -checklinkname=0";
    lines(&mut go(&["build", "-buildmode=c-shared", flags, "-o", "core.wasm", "."])).await;
    let caller = component(&wit, std::fs::read(folder.path().join("core.wasm")).unwrap());
    let mut host = Stock::unoptimised(&compose(&caller, &[fantail::COMPONENT_P2]).unwrap());
    let instance = bindings::Caller::instantiate_async(&mut host.store, &host.component, &host.linker).await.unwrap();
    let urls = ["http://origin.test/ok", "http://origin.test/fail", "nowhere"].map(str::to_owned);
    let mut lines = instance.call_run(&mut host.store, &urls).await.unwrap();
    lines.sort_unstable();
    assert_eq!(lines, ["http://origin.test/fail 500", "http://origin.test/ok 200", "nowhere invalid-url"]);
}
