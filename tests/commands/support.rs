//! Runs the program.

use fantail_origin::Origin;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// The longest that a run may take.
const LIMIT: Duration = Duration::from_secs(120);

/// The output and exit code of a finished run.
pub(crate) struct Output {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: i32,
}

impl Output {
    /// Standard output as JSON, a value per line.
    pub(crate) fn lines(&self) -> Vec<serde_json::Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// The program with these arguments and piped standard streams. It is killed when it is dropped.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fantail"));
    // Compiled components are cached apart from the user's cache.
    command.args(arguments).env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR")).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the program with this input.
pub(crate) async fn run(arguments: &[&str], input: &[u8]) -> Output {
    run_command(program(arguments), input).await
}

/// Runs `fantail fetch` with loopback allowed.
pub(crate) async fn fetch(arguments: &[&str], input: &[u8]) -> Output {
    run(&[&["fetch", "--allow-net", "127.0.0.0/8"], arguments].concat(), input).await
}

/// Runs a command made by [`program`].
pub(crate) async fn run_command(mut command: Command, input: &[u8]) -> Output {
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feed = async move {
        // The program may end before it has read all of its input.
        let _ = stdin.write_all(input).await;
    };
    let (_, output) =
        tokio::time::timeout(LIMIT, async { tokio::join!(feed, child.wait_with_output()) }).await.unwrap();
    let output = output.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Output { stdout: text(output.stdout), stderr: text(output.stderr), code: output.status.code().unwrap() }
}

pub(crate) async fn origin() -> Origin {
    Origin::start().await.unwrap()
}
