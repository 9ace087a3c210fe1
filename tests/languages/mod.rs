//! The callers and hosts of `examples` in other languages: each is built and run, and its output compared. `cargo xtask test` installs
//! their tools, and counts the tests whose tools it cannot install as skipped.

mod command;
mod go;
mod node;
mod python;

use crate::support::{origin, refused_url, root};
use fantail_origin::Origin;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;

/// Ten URLs, and the sorted lines that every example has to print for them.
struct Task {
    urls: Vec<String>,
    lines: Vec<String>,
    _origin: Origin,
}

impl Task {
    async fn new() -> Self {
        let origin = origin().await;
        let expected = [
            (origin.url("/ok"), "200"),
            (origin.url("/ok?again"), "200"),
            (origin.url("/echo"), "200"),
            (origin.url("/chunked/100000"), "200"),
            (origin.url("/status/404"), "404"),
            (origin.url("/bytes/2000000"), "body-too-large"),
            (origin.url("/short"), "HTTP-response-incomplete"),
            (origin.url("/close"), "HTTP-protocol-error"),
            (refused_url().await, "connection-refused"),
            ("ftp://127.0.0.1/".to_owned(), "invalid-url"),
        ];
        let mut lines: Vec<String> = expected.iter().map(|(url, result)| format!("{url} {result}")).collect();
        lines.sort_unstable();
        Self { urls: expected.map(|(url, _)| url).into(), lines, _origin: origin }
    }
}

/// Runs a program to its end, within five minutes, and returns the lines that it printed, sorted.
async fn lines(command: &mut Command) -> Vec<String> {
    let output = tokio::time::timeout(Duration::from_mins(5), command.kill_on_drop(true).output());
    let output = output.await.unwrap_or_else(|_| panic!("{command:?} does not end")).unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    let mut lines: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

/// Where `cargo xtask` installs the tools of one language.
fn tools(language: &str) -> PathBuf {
    component_builder::target_dir(root()).parent().unwrap().join("tools").join(language)
}

fn example(path: &str) -> PathBuf {
    root().join("examples").join(path)
}

/// Copies the world of an example and the interface for WASI 0.2 into a folder, in the layout that every tool accepts.
fn wit(language: &str, folder: &Path) -> PathBuf {
    let (wit, interface) = (folder.join("wit"), root().join("wit/fetch-p2"));
    copy(&example(language).join("wit"), &wit);
    copy(&interface, &wit.join("deps/fetch-p2"));
    copy(&interface.join("deps/io"), &wit.join("deps/io"));
    wit
}

/// Copies a folder recursively.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}
