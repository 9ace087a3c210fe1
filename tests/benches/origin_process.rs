//! The origin in a process of its own, so that its sockets and memory do not count as the harness's.

use fantail_origin::Origin;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

/// The argument that makes this program serve as the origin.
const ROLE: &str = "serve-origin";

/// A process that serves an origin until it is dropped.
pub(crate) struct OriginProcess {
    process: Child,
    base: String,
}

impl OriginProcess {
    pub(crate) fn start() -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let process = Command::new(program).arg(ROLE).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = process.expect("this program can run");
        let mut base = String::new();
        let stdout = process.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut base).expect("it prints its URL");
        Self { process, base: base.trim().to_owned() }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

impl Drop for OriginProcess {
    fn drop(&mut self) {
        // It exits when its input ends.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// If this process was started as the origin, serves until its input ends and returns true.
pub(crate) async fn serve_if_origin() -> bool {
    if std::env::args().nth(1).as_deref() != Some(ROLE) {
        return false;
    }
    let origin = Origin::start().await.expect("a port");
    println!("{}", origin.url(""));
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    let _ = ended.await;
    true
}
