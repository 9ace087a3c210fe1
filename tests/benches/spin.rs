//! Compares the application with the same fan-out written by hand, both on Spin, in turns. Needs `spin` on PATH.

#![allow(clippy::expect_used, clippy::print_stdout, reason = "a benchmark")]

mod origin;
mod turns;

use component_builder::{build, target_dir};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use turns::Variant;

/// Upstreams per batch, and the size of their bodies in bytes.
const BATCHES: [(usize, usize); 5] = [(20, 1_024), (100, 1_024), (500, 1_024), (20, 100_000), (100, 100_000)];

/// Numbers of concurrent callers.
const CALLERS: [usize; 2] = [1, 16];

fn main() {
    if Command::new("spin").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("skipped: there is no spin on PATH");
        return;
    }
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let base = origin::start().trim_end_matches("/ok").to_owned();
    let applications = [Application::fantail(), Application::by_hand()];
    // A connection for each batch: Spin leaves Nagle's algorithm on (RFC 9293, section 3.7.4), so that over one that was used before, what is left
    // of an answer waits up to 40 ms for an acknowledgement which the client's system delays. Segments of loopback are too large to be full.
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().expect("a client");
    for callers in CALLERS {
        for (count, size) in BATCHES {
            let urls = &vec![format!("{base}/bytes/{size}"); count];
            let [fantail, by_hand] =
                applications.each_ref().map(|application| || application.time(&runtime, &client, urls, callers));
            let mut variants: [Variant<'_>; 2] = [("by hand", Box::new(by_hand)), ("application", Box::new(fantail))];
            let title = format!("Spin, {callers} callers with a batch of {count}, {size} bytes each");
            turns::print(&title, ("ms", 1e3), 1, "by hand", &mut variants);
        }
    }
}

/// An application on Spin, terminated on drop.
struct Application {
    url: String,
    spin: Child,
    folder: tempfile::TempDir,
    is_fantail: bool,
}

impl Drop for Application {
    fn drop(&mut self) {
        // Spin serves from a child process, so the whole group is terminated.
        let _ = Command::new("kill").args(["--", &format!("-{}", self.spin.id())]).status();
        let _ = self.spin.wait();
    }
}

const MANIFEST: &str = r#"spin_manifest_version = 2
[application]
name = "by-hand"
version = "0.1.0"
[[trigger.http]]
route = "/..."
component = "by-hand"
[component.by-hand]
source = "by-hand.wasm"
allowed_outbound_hosts = ["http://127.0.0.1:*"]
"#;

impl Application {
    fn fantail() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace is above");
        let folder = tempfile::tempdir().expect("a folder");
        let components = folder.path().join("target/components");
        std::fs::create_dir_all(&components).expect("a folder");
        let edge = build(root, "fantail-edge", &target_dir(root)).expect("a component");
        std::fs::write(components.join("fantail-edge.wasm"), edge).expect("a file");
        let component = build(root, "fantail-component", &target_dir(root)).expect("a component");
        std::fs::write(components.join("fantail.wasm"), component).expect("a file");
        let manifest = std::fs::read_to_string(root.join("spin.toml")).expect("the manifest");
        Self::start(folder, &manifest, true)
    }

    fn by_hand() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace is above");
        let folder = tempfile::tempdir().expect("a folder");
        let by_hand = build(root, "fantail-example-by-hand", &target_dir(root)).expect("a component");
        std::fs::write(folder.path().join("by-hand.wasm"), by_hand).expect("a file");
        Self::start(folder, MANIFEST, false)
    }

    fn start(folder: tempfile::TempDir, manifest: &str, is_fantail: bool) -> Self {
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("a file");
            path
        };
        let manifest = file("spin.toml", manifest);
        let config = file("runtime-config.toml", "[outbound_http]\nconnection_pooling = true\n");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = listener.expect("a port").to_string();
        let mut spin = Command::new("spin");
        spin.args(["up", "--quiet", "--listen", &address, "--from"]).arg(manifest);
        spin.arg("--runtime-config-file").arg(config).arg("--state-dir").arg(folder.path());
        spin.env("SPIN_VARIABLE_API_TOKEN", "secret").env("SPIN_VARIABLE_UPSTREAMS", "http://127.0.0.1:*");
        // With it, Spin records the stack of each error, also of those that it expects.
        spin.env_remove("RUST_BACKTRACE");
        let spin = spin.process_group(0).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("spin ran before");
        let start = Instant::now();
        while std::net::TcpStream::connect(&address).is_err() {
            assert!(start.elapsed() < Duration::from_secs(60), "the application does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { url: format!("http://{address}/"), spin, folder, is_fantail }
    }

    /// Measures how long this many concurrent callers take, each with one batch.
    fn time(&self, runtime: &Runtime, client: &reqwest::Client, urls: &[String], callers: usize) -> Duration {
        assert!(self.folder.path().exists());
        let batch = if self.is_fantail {
            serde_json::json!({"policy": {"concurrency": 64}, "requests": urls})
        } else {
            serde_json::json!({"concurrency": 64, "requests": urls})
        };
        let batch = batch.to_string();
        let post = || async {
            let request = client.post(&self.url).header("authorization", "Bearer secret");
            let request = request.header("content-type", "application/json").body(batch.clone());
            let body = request.send().await.expect("an answer").bytes().await.expect("a complete answer");
            body.windows(12).filter(|window| *window == b"\"status\":200").count()
        };
        let start = Instant::now();
        let responses = runtime.block_on(futures::future::join_all((0..callers).map(|_| post())));
        let took = start.elapsed();
        assert!(responses.iter().all(|count| *count == urls.len()), "every request has a response: {responses:?}");
        took
    }
}
