//! Node as a host, and a caller in JavaScript.

use super::{Task, copy, example, lines, tools};
use crate::support::root;
use component_builder::compose;
use tempfile::TempDir;
use tokio::process::Command;

/// A folder in which modules find the packages that are installed, with the files of the hosts in it.
fn folder() -> TempDir {
    let folder = tempfile::tempdir_in(tools("node")).unwrap();
    copy(&example("hosts/node"), folder.path());
    folder
}

/// The pinned Node.
fn node(folder: &TempDir) -> Command {
    let mut node = Command::new(tools("node").join("node_modules/.bin/node"));
    node.current_dir(folder.path());
    node
}

async fn jco(folder: &TempDir, arguments: &[&str]) {
    lines(node(folder).arg(tools("node").join("node_modules/.bin/jco")).args(arguments)).await;
}

/// Makes modules of a component, as the examples' first lines say.
async fn transpile(folder: &TempDir, component: &[u8], name: &str, to: &str) {
    let file = format!("{to}.wasm");
    std::fs::write(folder.path().join(&file), component).unwrap();
    jco(folder, &["transpile", &file, "--name", name, "--out-dir", to]).await;
}

#[tokio::test]
#[ignore = "needs the tools in xtask/tools/package.json"]
async fn node_runs_the_component_for_wasi_0_2() {
    let (task, folder) = (Task::new().await, folder());
    transpile(&folder, fantail::COMPONENT_P2, "fantail", "fantail-p2").await;
    assert_eq!(lines(node(&folder).arg("p2.mjs").args(&task.urls)).await, task.lines);
}

#[tokio::test]
#[ignore = "needs the tools in xtask/tools/package.json"]
async fn node_runs_the_component_for_wasi_0_3() {
    let (task, folder) = (Task::new().await, folder());
    transpile(&folder, fantail::COMPONENT, "fantail", "fantail").await;
    assert_eq!(lines(node(&folder).arg("p3.mjs").args(&task.urls)).await, task.lines);
}

#[tokio::test]
#[ignore = "needs the tools in xtask/tools/package.json"]
async fn node_runs_a_caller_in_javascript_that_was_composed_with_the_component() {
    let (task, folder) = (Task::new().await, folder());
    copy(&example("javascript"), folder.path());
    let (wit, deps) = (root().join("wit/fetch-p2"), folder.path().join("wit/deps"));
    copy(&wit, &deps.join("fetch-p2"));
    copy(&wit.join("deps/io"), &deps.join("io"));
    let build = ["componentize", "caller.js", "--wit", "wit", "--world-name", "caller", "--out", "caller.wasm"];
    jco(&folder, &build).await;
    let caller = std::fs::read(folder.path().join("caller.wasm")).unwrap();
    transpile(&folder, &compose(&caller, &[fantail::COMPONENT_P2]).unwrap(), "caller", "composed").await;
    let script = "import './mended-p2.mjs';
        import { run } from './composed/caller.js';
        for (const line of run(process.argv.slice(1))) console.log(line);";
    assert_eq!(lines(node(&folder).args(["--input-type=module", "--eval", script]).args(&task.urls)).await, task.lines);
}
