//! Runs that end before their input does: by Ctrl-C, or because `--until` is satisfied.

use crate::cli::{RunOutput, by_id, cause, fetch, finish, program};
use crate::support::{origin, until, wasi_version};
use fantail::{Phase, Sent};
use fantail_origin::Origin;
use tokio::process::{Child, Command};

async fn interrupt(child: &Child) {
    let id = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().await.unwrap().success());
}

/// Starts a run with loopback allowed, and interrupts it once the origin has received `requests` requests.
async fn interrupted(origin: &Origin, arguments: &[&str], requests: usize) -> RunOutput {
    let version = wasi_version();
    let arguments = [&["fetch", "--allow-net", "127.0.0.0/8", "--wasi", &version], arguments].concat();
    let child = program(&arguments).spawn().unwrap();
    until(origin, |counts| counts.requests == requests && counts.in_flight > 0).await;
    interrupt(&child).await;
    finish(child).await
}

/// A cancelled request reports how far it got, and the summary is the component's.
#[tokio::test]
async fn an_interrupt_reports_for_each_request_what_was_sent() {
    let origin = origin().await;
    let hang = origin.url("/hang");
    let output = interrupted(&origin, &["-c", "1", "-d", "body", &origin.url("/ok"), &hang, &hang], 2).await;
    assert_eq!(output.code, 130);
    let lines = by_id(output.lines);
    let reported: Vec<_> = lines[1..]
        .iter()
        .map(|line| {
            let failure = line.result.as_ref().unwrap_err();
            (cause(line), failure.phase, failure.sent, failure.retryable, line.attempts)
        })
        .collect();
    assert_eq!(
        reported,
        [("cancelled", Phase::Head, Sent::Maybe, false, 1), ("cancelled", Phase::Queue, Sent::No, true, 0)]
    );
    let (sent, unsent) = (lines[1].timing, lines[2].timing);
    assert!(sent.queued < sent.total, "{sent:?}");
    assert_eq!(unsent.queued, unsent.total);
    for row in ["requests     3 in", "cancelled    2", "in flight    1 at most", "body bytes   11", "interrupted"] {
        assert!(output.stderr.contains(row), "{row} in {}", output.stderr);
    }
}

/// A body that is being stored is abandoned and leaves no file.
#[tokio::test]
async fn an_interrupt_does_not_wait_for_bodies_being_stored() {
    let origin = origin().await;
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--output-dir", folder.path().to_str().unwrap(), &origin.url("/drip/20")];
    let output = interrupted(&origin, &arguments, 1).await;
    assert_eq!((output.code, cause(&output.lines[0])), (130, "cancelled"));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
}

/// The run got what it wanted, so the requests that it cancelled itself are not failures.
#[tokio::test]
async fn reaching_the_wanted_successes_exits_with_0() {
    let origin = origin().await;
    let urls = ["/ok", "/hang", "/status/404", "/ok", "/hang"].map(|path| origin.url(path));
    let urls = urls.each_ref().map(String::as_str);
    let output = fetch(&[&["--until", "2"], urls.as_slice()].concat(), b"").await;
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert!(output.stderr.contains("failures     0\ncancelled    2\n"), "{}", output.stderr);
    let output = fetch(&["--until", "2", urls[0], urls[2]], b"").await;
    assert_eq!(output.code, 1, "only one succeeded: {}", output.stderr);
}

/// As README and `--help` say, everything that is not a success is a failure.
#[tokio::test]
async fn an_error_status_counts_as_the_first_failure() {
    let origin = origin().await;
    let [ok, hang, missing] = ["/ok", "/hang", "/status/404"].map(|path| origin.url(path));
    let output = fetch(&["--until", "first-failure", &ok, &hang, &missing], b"").await;
    assert_eq!((output.code, output.lines.len()), (1, 3), "{}", output.stderr);
    assert!(output.stderr.contains("failures     0\ncancelled    1\n"), "{}", output.stderr);
    let output = fetch(&["--until", "first-failure", &ok, &ok], b"").await;
    assert_eq!(output.code, 0, "{}", output.stderr);
}
