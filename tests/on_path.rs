//! The components in other programs: stock wasmtime, Spin and wac. `cargo xtask test` runs each test if its tool is on PATH, and
//! counts it as skipped otherwise.

use crate::composition::names;
use crate::support::{build_guest, origin, root};
use component_builder::compose;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::{Child, Command};

const SIZES: [usize; 4] = [0, 1_024, 100_000, 900_000];

/// A program that serves the application.
struct Server {
    url: String,
    client: reqwest::Client,
    _folder: TempDir,
    process: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        // Spin serves from a child process, so the whole group is terminated.
        let group = self.process.id().map(|id| format!("-{id}"));
        let _ = std::process::Command::new("kill").arg("--").args(group).status();
    }
}

impl Server {
    async fn start(mut command: Command, port: u16, folder: TempDir) -> Self {
        let process =
            command.process_group(0).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("http://127.0.0.1:{port}/");
        for _ in 0..600 {
            if client.get(format!("{url}healthz")).send().await.is_ok_and(|answer| answer.status() == 200) {
                return Self { url, client, _folder: folder, process };
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the server does not answer");
    }

    /// Posts a batch and returns its outcomes, sorted by id, and its summary.
    async fn post(&self, batch: Value) -> (Vec<Value>, Value) {
        let request = self.client.post(&self.url).header("authorization", "Bearer secret");
        let request = request.header("content-type", "application/json").body(batch.to_string());
        let text = request.send().await.unwrap().text().await.unwrap();
        let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let summary = lines.pop().expect("a summary")["summary"].clone();
        lines.sort_by_key(|line| line["id"].as_u64());
        (lines, summary)
    }

    /// Asserts that transient failures are retried, although these hosts report them with the same code as permanent ones.
    async fn assert_transient_failures_are_retried(&self) {
        let origin = origin().await;
        let urls = [origin.url("/close"), origin.url("/short")];
        let policy = json!({"retry": {"attempts": 2, "backoff": "1ms", "per_second": 100}});
        let (outcomes, _) = self.post(json!({"policy": policy, "requests": urls})).await;
        for outcome in outcomes {
            assert_eq!((&outcome["attempts"], &outcome["error"]["retryable"]), (&json!(3), &json!(true)), "{outcome}");
            assert_eq!(outcome["error"]["fault"], "peer", "{outcome}");
            assert!(outcome["last_attempt"].is_null(), "this host reports no facts: {outcome}");
        }
    }

    /// Asserts that bodies of every size arrive intact, one or many at once, and that large ones of one caller do not fail another (X1).
    async fn assert_bodies_of_every_size_are_intact(&self) {
        let origin = origin().await;
        let batch = |size: usize, count: usize| {
            let urls = vec![origin.url(&format!("/bytes/{size}")); count];
            json!({"policy": {"concurrency": 64}, "requests": urls})
        };
        let check = async |size: usize, count: usize| {
            let (outcomes, summary) = self.post(batch(size, count)).await;
            assert_eq!((outcomes.len(), &summary["responses"]), (count, &json!(count)), "{size}: {summary}");
            for outcome in outcomes {
                assert_eq!(outcome["body"].as_str().map(str::len), Some(size), "{size}");
            }
        };
        for size in SIZES {
            for count in [1, 20, 100] {
                check(size, count).await;
            }
        }
        tokio::join!(check(900_000, 60), check(900_000, 60), check(1_024, 100), check(1_024, 100));
    }
}

/// A port that was free when it was probed.
async fn free_port() -> u16 {
    tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

fn write(folder: &TempDir, name: &str, bytes: &[u8]) -> String {
    let path = folder.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
#[ignore = "needs spin on PATH"]
async fn spin_runs_the_application_from_its_manifest() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, "target/components/fantail-edge.wasm", &build_guest("fantail-edge"));
    write(&folder, "target/components/fantail.wasm", fantail::COMPONENT);
    let manifest = std::fs::read(root().join("spin.toml")).unwrap();
    let manifest = write(&folder, "spin.toml", &manifest);
    let config = write(&folder, "runtime-config.toml", b"[outbound_http]\nconnection_pooling = true\n");
    let port = free_port().await;
    let mut spin = Command::new("spin");
    spin.args(["up", "--quiet", "--from", &manifest, "--listen", &format!("127.0.0.1:{port}")]);
    spin.args(["--runtime-config-file", &config, "--state-dir", folder.path().to_str().unwrap()]);
    spin.env("SPIN_VARIABLE_API_TOKEN", "secret").env("SPIN_VARIABLE_UPSTREAMS", "http://127.0.0.1:*");
    spin.env("DISABLE_WASMTIME_CACHE", "true");
    let server = Server::start(spin, port, folder).await;
    server.assert_bodies_of_every_size_are_intact().await;
    server.assert_transient_failures_are_retried().await;
}

#[tokio::test]
#[ignore = "needs wasmtime on PATH"]
async fn wasmtime_serves_the_application_and_runs_both_components() {
    let folder = tempfile::tempdir().unwrap();
    let application = write(&folder, "application.wasm", fantail::APPLICATION);
    let port = free_port().await;
    let mut wasmtime = Command::new("wasmtime");
    wasmtime.args(["serve", "-Scli", "--addr", &format!("127.0.0.1:{port}")]);
    wasmtime.args(["--env", "SPIN_VARIABLE_API_TOKEN=secret", &application]);
    let origin = origin().await;
    let requests = format!(r#"[{{id: 7, method: "GET", url: "{}", headers: []}}]"#, origin.url("/ok"));
    for (name, component) in [("p3.wasm", fantail::COMPONENT), ("p2.wasm", fantail::COMPONENT_P2)] {
        let component = write(&folder, name, component);
        let call = format!("fetch-all({requests}, none)");
        let output = Command::new("wasmtime").args(["run", "-Shttp", "--invoke", &call, &component]).output().await;
        let output = output.unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(
            stdout.contains("id: 7") && stdout.contains("status: 200"),
            "{stdout}{:?}",
            String::from_utf8(output.stderr)
        );
    }
    let program = compose(&build_guest("fantail-example-command-p2"), &[fantail::COMPONENT_P2]).unwrap();
    let program = write(&folder, "program.wasm", &program);
    let output = Command::new("wasmtime").args(["run", "-Shttp", &program, &origin.url("/ok")]).output().await;
    assert_eq!(String::from_utf8(output.unwrap().stdout).unwrap(), format!("{} 200\n", origin.url("/ok")));
    replays_what_it_recorded(&folder, &origin.url("/ok")).await;
    let server = Server::start(wasmtime, port, folder).await;
    server.assert_bodies_of_every_size_are_intact().await;
    server.assert_transient_failures_are_retried().await;
}

/// One recording by way of standard error and input.
async fn replays_what_it_recorded(folder: &TempDir, url: &str) {
    let run = async |example: &str, stdin: Stdio| {
        let composed = compose(fantail::COMPONENT, &[&build_guest(example)]).unwrap();
        let composed = write(folder, &format!("{example}.wasm"), &composed);
        let call = format!(r#"get-all(["{url}", "{url}/nothing"], none)"#);
        let mut wasmtime = Command::new("wasmtime");
        wasmtime.args(["run", "-Shttp", "--invoke", &call, &composed]).stdin(stdin).output().await.unwrap()
    };
    let recorded = run("fantail-example-recorder", Stdio::null()).await;
    let recording = write(folder, "recording.ndjson", &recorded.stderr);
    let replayed = run("fantail-example-replayer", std::fs::File::open(recording).unwrap().into()).await;
    for output in [&recorded, &replayed] {
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(said.matches("status: 200").count(), 2, "{said}{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[tokio::test]
#[ignore = "needs wac on PATH"]
async fn wac_confirms_that_the_components_target_their_worlds_and_fit_their_callers() {
    let folder = tempfile::tempdir().unwrap();
    let wac = async |arguments: &[&str]| {
        let output = Command::new("wac").args(arguments).output().await.unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let parts = [
        ("component", fantail::COMPONENT, "fantail-example-caller"),
        ("component-p2", fantail::COMPONENT_P2, "fantail-example-caller-p2"),
    ];
    for (world, bytes, caller) in parts {
        let component = write(&folder, &format!("{world}.wasm"), bytes);
        let wit = root().join("wit").join(world);
        wac(&["targets", "--wit", wit.to_str().unwrap(), &component]).await;
        let caller_bytes = build_guest(caller);
        let caller = write(&folder, &format!("{caller}.wasm"), &caller_bytes);
        let composed = folder.path().join("composed.wasm");
        wac(&["plug", "--plug", &component, &caller, "-o", composed.to_str().unwrap()]).await;
        assert!(Path::new(&composed).exists() && compose(&caller_bytes, &[bytes]).is_ok());
    }
    let component = write(&folder, "fantail.wasm", fantail::COMPONENT);
    for example in ["fantail-example-policy", "fantail-example-recorder", "fantail-example-replayer"] {
        let plug = write(&folder, &format!("{example}.wasm"), &build_guest(example));
        let composed = folder.path().join("composed.wasm");
        wac(&["plug", "--plug", &plug, &component, "-o", composed.to_str().unwrap()]).await;
        let (imports, exports) = names(&std::fs::read(composed).unwrap());
        assert_eq!(exports, ["fantail:fetch/batch@0.1.0"]);
        let sends = imports.iter().any(|name| name == "wasi:http/client@0.3.0");
        assert_eq!(sends, !example.ends_with("replayer"), "{imports:?}");
    }
}
