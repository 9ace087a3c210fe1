//! Python as a host, and a caller in Python.

use super::{Task, example, lines, tools};
use crate::stock::Stock;
use crate::support::root;
use component_builder::compose;
use tokio::process::Command;

mod bindings {
    wasmtime::component::bindgen!({
        inline: "package example:caller;
            world caller { export run: async func(urls: list<string>) -> list<string>; }",
        require_store_data_send: true,
    });
}

fn tool(name: &str) -> Command {
    Command::new(tools("python").join("bin").join(name))
}

#[tokio::test]
#[ignore = "needs the tools in xtask/tools/requirements.txt"]
async fn python_runs_the_component_for_wasi_0_2() {
    let (task, folder) = (Task::new().await, tempfile::tempdir().unwrap());
    let component = folder.path().join("fantail-p2.wasm");
    std::fs::write(&component, fantail::COMPONENT_P2).unwrap();
    let mut host = tool("python");
    host.arg(example("hosts/python/host.py")).arg(component).args(&task.urls);
    assert_eq!(lines(&mut host).await, task.lines);
}

#[tokio::test]
#[ignore = "needs the tools in xtask/tools/requirements.txt"]
async fn python_callers_read_bodies_as_streams() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("caller.wasm");
    let mut build = tool("componentize-py");
    build.current_dir(example("python")).env("PYTHONDONTWRITEBYTECODE", "1");
    build.arg("-d").arg(root().join("wit/fetch")).args(["-d", "wit", "-w", "example:caller/caller"]);
    lines(build.args(["componentize", "caller", "-o"]).arg(&file)).await;
    let caller = compose(&std::fs::read(file).unwrap(), &[fantail::COMPONENT]).unwrap();
    // The caller contains the whole of CPython, so compile it quickly.
    let mut host = Stock::unoptimised(&caller);
    let instance = bindings::Caller::instantiate_async(&mut host.store, &host.component, &host.linker).await.unwrap();
    let paths = ["ok", "fail", "bytes/0", "bytes/300000"];
    let mut urls: Vec<String> = paths.iter().map(|path| format!("http://origin.test/{path}")).collect();
    urls.push("nowhere".to_owned());
    let lines = host.store.run_concurrent(async move |store| instance.call_run(store, urls).await.unwrap());
    let mut lines = lines.await.unwrap();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "http://origin.test/bytes/0 200, 0 bytes",
            "http://origin.test/bytes/300000 200, 300000 bytes",
            "http://origin.test/fail 500, 5 bytes",
            "http://origin.test/ok 200, 5 bytes",
            "nowhere invalid-url",
        ]
    );
}
