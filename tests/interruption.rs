//! How a run ends before its input does: by Ctrl-C, or because there is enough.

use crate::cli::{Ran, by_id, cause, fetch, program, ran};
use crate::support::{origin, until, version};
use fantail::{Phase, Sent};
use fantail_origin::Origin;
use tokio::process::{Child, Command};

async fn interrupt(child: &Child) {
    let id = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().await.unwrap().success());
}

/// Starts a run with loopback allowed, and interrupts it when so many requests have come.
async fn interrupted(origin: &Origin, arguments: &[&str], requests: usize) -> Ran {
    let version = version();
    let arguments = [&["fetch", "--allow-net", "127.0.0.0/8", "--wasi", &version], arguments].concat();
    let child = program(&arguments).spawn().unwrap();
    until(origin, |counts| counts.requests == requests && counts.in_flight > 0).await;
    interrupt(&child).await;
    ran(child).await
}

/// T7: what is cancelled says how far it had come, and the summary is the component's.
#[tokio::test]
async fn an_interruption_tells_of_each_request_what_was_sent() {
    let origin = origin().await;
    let hang = origin.url("/hang");
    let ran = interrupted(&origin, &["-c", "1", "-d", "body", &origin.url("/ok"), &hang, &hang], 2).await;
    assert_eq!(ran.code, 130);
    let lines = by_id(ran.lines);
    let told: Vec<_> = lines[1..]
        .iter()
        .map(|line| {
            let failure = line.result.as_ref().unwrap_err();
            (cause(line), failure.phase, failure.sent, failure.retryable, line.attempts)
        })
        .collect();
    assert_eq!(
        told,
        [("cancelled", Phase::Head, Sent::Maybe, false, 1), ("cancelled", Phase::Queue, Sent::No, true, 0)]
    );
    let (sent, unsent) = (lines[1].timing, lines[2].timing);
    assert!(sent.queued < sent.total, "{sent:?}");
    assert_eq!(unsent.queued, unsent.total);
    for row in ["requests     3 in", "cancelled    2", "in flight    1 at most", "body bytes   11", "interrupted"] {
        assert!(ran.stderr.contains(row), "{row} in {}", ran.stderr);
    }
}

/// T7: a body that is being stored is given up too, and leaves no file.
#[tokio::test]
async fn an_interruption_does_not_wait_for_bodies_that_are_being_stored() {
    let origin = origin().await;
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--output-dir", folder.path().to_str().unwrap(), &origin.url("/drip/20")];
    let ran = interrupted(&origin, &arguments, 1).await;
    assert_eq!((ran.code, cause(&ran.lines[0])), (130, "cancelled"));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
}

/// C3: what was asked for was had, and the rest was cancelled by ourselves.
#[tokio::test]
async fn enough_successes_are_a_success() {
    let origin = origin().await;
    let urls = ["/ok", "/hang", "/status/404", "/ok", "/hang"].map(|path| origin.url(path));
    let urls = urls.each_ref().map(String::as_str);
    let ran = fetch(&[&["--until", "2"], urls.as_slice()].concat(), b"").await;
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("failures     0\ncancelled    2\n"), "{}", ran.stderr);
    let ran = fetch(&["--until", "2", urls[0], urls[2]], b"").await;
    assert_eq!(ran.code, 1, "there was one: {}", ran.stderr);
}

/// C3: a failure is what is not a success, as README and --help say.
#[tokio::test]
async fn the_first_failure_may_be_a_response() {
    let origin = origin().await;
    let [ok, hang, missing] = ["/ok", "/hang", "/status/404"].map(|path| origin.url(path));
    let ran = fetch(&["--until", "first-failure", &ok, &hang, &missing], b"").await;
    assert_eq!((ran.code, ran.lines.len()), (1, 3), "{}", ran.stderr);
    assert!(ran.stderr.contains("failures     0\ncancelled    1\n"), "{}", ran.stderr);
    let ran = fetch(&["--until", "first-failure", &ok, &ok], b"").await;
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}
