//! Node as a host, and a caller in JavaScript.

use super::{Task, copy, example, lines, tools, wit};
use crate::support::origin;
use component_builder::compose;
use tempfile::TempDir;
use tokio::process::Command;

/// A folder with the host examples, from which Node resolves the installed packages.
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

/// Runs a module with this text.
fn script(folder: &TempDir, text: &str) -> Command {
    std::fs::write(folder.path().join("script.mjs"), text).unwrap();
    let mut node = node(folder);
    node.arg("script.mjs");
    node
}

async fn jco(folder: &TempDir, arguments: &[&str]) {
    lines(node(folder).arg(tools("node").join("node_modules/.bin/jco")).args(arguments)).await;
}

/// Transpiles a component into modules, as the first lines of the examples say.
async fn transpile(folder: &TempDir, component: &[u8], name: &str, to: &str) {
    let file = format!("{to}.wasm");
    std::fs::write(folder.path().join(&file), component).unwrap();
    jco(folder, &["transpile", &file, "--name", name, "--out-dir", to]).await;
}

/// Sends POSTs whose heads come late: after the connect timeout one still succeeds, and after the head timeout one fails without a
/// retry, as it may have been sent.
async fn assert_sent_posts_are_not_retried(folder: &TempDir, version: &str, component: &str) {
    let origin = origin().await;
    let post = format!(
        "import './workarounds-{version}.mjs';
        import {{ batch }} from './{component}/fantail.js';
        const policy = new batch.Policy();
        policy.setConnectTimeout(100);
        policy.setHeadTimeout(500);
        policy.setRetries(2);
        const post = (url) => ({{ id: 0, method: 'POST', url, headers: [], body: new Uint8Array(1) }});
        const outcomes = await batch.fetchAll(process.argv.slice(2).map(post), policy);
        for (const {{ result }} of outcomes) console.log(result.val.status ?? `${{result.val.cause}} ${{result.val.sent}}`);
        process.exit();"
    );
    let mut script = script(folder, &post);
    script.args([origin.url("/delay/200"), origin.url("/delay/2000")]);
    assert_eq!(lines(&mut script).await, ["200", "HTTP-response-timeout maybe"]);
    assert_eq!(origin.counts().requests, 2);
}

#[tokio::test]
#[ignore = "needs the tools in xtask/tools/package.json"]
async fn node_runs_the_component_for_wasi_0_2() {
    let (task, folder) = (Task::new().await, folder());
    transpile(&folder, fantail::COMPONENT_P2, "fantail", "fantail-p2").await;
    assert_eq!(lines(node(&folder).arg("p2.mjs").args(&task.urls)).await, task.lines);
    assert_sent_posts_are_not_retried(&folder, "p2", "fantail-p2").await;
}

#[tokio::test]
#[ignore = "needs the tools in xtask/tools/package.json"]
async fn node_runs_the_component_for_wasi_0_3() {
    let (task, folder) = (Task::new().await, folder());
    transpile(&folder, fantail::COMPONENT, "fantail", "fantail").await;
    assert_eq!(lines(node(&folder).arg("p3.mjs").args(&task.urls)).await, task.lines);
    assert_sent_posts_are_not_retried(&folder, "p3", "fantail").await;
}

#[tokio::test]
#[ignore = "needs the tools in xtask/tools/package.json"]
async fn node_runs_a_composed_javascript_caller() {
    let (task, folder) = (Task::new().await, folder());
    std::fs::copy(example("javascript/caller.js"), folder.path().join("caller.js")).unwrap();
    wit("javascript", folder.path());
    let build = ["componentize", "caller.js", "--wit", "wit", "--world-name", "caller", "--out", "caller.wasm"];
    jco(&folder, &build).await;
    let caller = std::fs::read(folder.path().join("caller.wasm")).unwrap();
    transpile(&folder, &compose(&caller, &[fantail::COMPONENT_P2]).unwrap(), "caller", "composed").await;
    let run = "import './workarounds-p2.mjs';
        import { run } from './composed/caller.js';
        for (const line of run(process.argv.slice(2))) console.log(line);";
    assert_eq!(lines(script(&folder, run).args(&task.urls)).await, task.lines);
}
