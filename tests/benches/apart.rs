//! Processes of their own: their sockets and their memory are not ours.

use fantail_origin::Origin;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

/// What this program is told in order to be the origin.
const ROLE: &str = "be-the-origin";

/// Ended with the value.
pub(crate) struct Apart {
    process: Child,
    base: String,
}

impl Apart {
    pub(crate) fn start() -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let process = Command::new(program).arg(ROLE).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = process.expect("it ran once already");
        let mut base = String::new();
        let stdout = process.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut base).expect("it says where it is");
        Self { process, base: base.trim().to_owned() }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        // It ends with its input.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// Runs this program once more, with another argument.
pub(crate) fn again(argument: &str) {
    let program = std::env::current_exe().expect("this program has a path");
    let ended = Command::new(program).arg(argument).status().expect("it ran once already");
    assert!(ended.success(), "{argument}: {ended}");
}

/// Whether this process was to be the origin: it was, until its input ended.
pub(crate) async fn was_it() -> bool {
    if std::env::args().nth(1).as_deref() != Some(ROLE) {
        return false;
    }
    let origin = Origin::start().await.expect("a port");
    println!("{}", origin.url(""));
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    let _ = ended.await;
    true
}
