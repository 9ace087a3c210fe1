//! Long jobs: outcomes in a file, which a later run continues.

use crate::support::{fetch, origin, program};
use fantail_origin::Origin;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A folder with a file of outcomes to be.
struct Job {
    folder: tempfile::TempDir,
}

impl Job {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("outcomes.ndjson")
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.path()).unwrap()
    }

    fn lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Runs the job, and returns the exit code and standard error.
    async fn run(&self, arguments: &[&str], input: &str) -> (i32, String) {
        let path = self.path();
        let output =
            fetch(&[&["--input", "-", "--output", path.to_str().unwrap()], arguments].concat(), input.as_bytes()).await;
        assert_eq!(output.stdout, "");
        (output.code, output.stderr)
    }
}

fn urls(origin: &Origin, paths: &[&str]) -> String {
    paths.iter().map(|path| origin.url(path) + "\n").collect()
}

fn count_of(lines: &[Value], field: &str) -> BTreeMap<String, usize> {
    lines.iter().fold(BTreeMap::new(), |mut counts, line| {
        *counts.entry(line[field].to_string()).or_default() += 1;
        counts
    })
}

#[tokio::test]
async fn what_has_an_outcome_is_not_sent_again_wherever_it_is_in_the_input() {
    let (origin, job) = (origin().await, Job::new());
    let (code, stderr) = job.run(&[], &urls(&origin, &["/a", "/b", "/b"])).await;
    assert_eq!((code, job.lines().len()), (0, 3), "{stderr}");
    // One of /b is gone, one of /a is new, and everything has moved.
    let (code, stderr) = job.run(&["--resume"], &urls(&origin, &["/c", "/b", "/a", "/a"])).await;
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("requests     2 in") && stderr.contains("skipped      2 had an outcome"), "{stderr}");
    assert_eq!(origin.counts().requests, 5);
    let [a, b, c] = ["/a", "/b", "/c"].map(|path| format!("{:?}", origin.url(path)));
    assert_eq!(count_of(&job.lines(), "url"), BTreeMap::from([(a, 2), (b, 2), (c, 1)]));
}

#[tokio::test]
async fn a_file_with_outcomes_is_not_overwritten() {
    let (origin, job) = (origin().await, Job::new());
    job.run(&[], &urls(&origin, &["/a"])).await;
    let before = job.text();
    let (code, stderr) = job.run(&[], &urls(&origin, &["/a"])).await;
    assert_eq!((code, job.text()), (2, before));
    assert!(stderr.contains("continue it with --resume, or choose another name"), "{stderr}");
}

#[tokio::test]
async fn a_file_that_another_run_writes_to_is_refused() {
    let (origin, job) = (origin().await, Job::new());
    let locked = std::fs::File::create(job.path()).unwrap();
    locked.try_lock().unwrap();
    let (code, stderr) = job.run(&["--resume"], &urls(&origin, &["/a"])).await;
    assert_eq!(code, 2);
    assert!(stderr.contains("another run is writing to it"), "{stderr}");
    assert_eq!(origin.counts().requests, 0);
}

#[tokio::test]
async fn a_torn_last_line_is_cut_off_and_its_request_sent_again() {
    let (origin, job) = (origin().await, Job::new());
    let input = urls(&origin, &["/a", "/b"]);
    job.run(&["--order", "input"], &input).await;
    let whole = job.text();
    for cut in [1, 20, whole.lines().next_back().unwrap().len()] {
        std::fs::write(job.path(), &whole[..whole.len() - cut]).unwrap();
        let (code, stderr) = job.run(&["--resume"], &input).await;
        assert_eq!((code, job.lines().len()), (0, 2), "{stderr}");
        assert!(stderr.contains("skipped      1 had an outcome"), "{stderr}");
    }
}

#[tokio::test]
async fn a_line_that_is_no_outcome_is_an_error_with_its_number() {
    let (origin, job) = (origin().await, Job::new());
    let input = urls(&origin, &["/a"]);
    job.run(&[], &input).await;
    let first = job.text();
    for (second, message) in [
        ("{\"summary\":{}}", "line 2 is not an outcome: "),
        ("\u{0}", "line 2 is not an outcome: expected a JSON object"),
        ("", "line 2 is not an outcome: "),
        ("{\"id\":1,\"url\":\"x\",\"status\":200}", "line 2 has no key that fits"),
    ] {
        let text = format!("{first}{second}\n");
        std::fs::write(job.path(), &text).unwrap();
        let (code, stderr) = job.run(&["--resume"], &input).await;
        assert_eq!((code, job.text()), (2, text), "nothing is changed: {stderr}");
        assert!(stderr.contains(message), "{stderr}");
    }
}

#[tokio::test]
async fn failures_that_may_pass_are_sent_again_if_that_is_asked_for() {
    let (origin, job) = (origin().await, Job::new());
    let input = urls(&origin, &["/ok", "/close", "/garbage", "/status/503", "/status/404"]);
    job.run(&[], &input).await;
    let before = origin.counts().requests;
    job.run(&["--resume"], &input).await;
    assert_eq!(origin.counts().requests, before, "everything has an outcome");
    job.run(&["--retry-failed"], &input).await;
    let retried = origin.counts().requests - before;
    assert_eq!((retried, job.lines().len()), (1, 5), "{}", job.text());
    let (_, stderr) = job.run(&["--retry-if", "5xx,HTTP-protocol-error"], &input).await;
    assert!(stderr.contains("requests     2 in") && stderr.contains("skipped      3 had an outcome"), "{stderr}");
    assert_eq!(count_of(&job.lines(), "url").len(), 5);
    let files = std::fs::read_dir(job.folder.path()).unwrap().count();
    assert_eq!(files, 1, "the file that replaced the old one has its name");
    let (code, stderr) = job.run(&["--retry-if", "refused"], &input).await;
    assert_eq!(code, 2);
    assert!(stderr.contains("expected a status such as 429"), "{stderr}");
}

#[tokio::test]
async fn the_outcomes_of_an_interrupted_run_are_continued_and_not_kept_as_cancelled() {
    let (origin, job) = (origin().await, Job::new());
    let input = urls(&origin, &["/ok", "/status/404", "/delay/100", "/delay/100"]);
    job.run(&["--until", "first-failure", "-c", "1", "--window", "4"], &input).await;
    assert!(job.text().contains("\"cancelled\""), "{}", job.text());
    let (code, stderr) = job.run(&["--resume"], &input).await;
    assert_eq!((code, job.lines().len()), (0, 4), "{stderr}");
    assert!(!job.text().contains("\"cancelled\""), "{}", job.text());
}

/// Of a request that may be sent twice, that is: one whose body was being stored, too.
#[tokio::test]
async fn a_body_that_was_being_stored_is_asked_for_again_if_that_is_safe() {
    let (origin, job) = (origin().await, Job::new());
    let (path, bodies) = (job.path(), job.folder.path().join("bodies"));
    let input = job.folder.path().join("urls.txt");
    let url = origin.url("/drip/20");
    std::fs::write(&input, format!("{url}\n{{\"method\":\"POST\",\"url\":\"{url}\"}}\n")).unwrap();
    let [input, output, folder] = [&input, &path, &bodies].map(|path| path.to_str().unwrap().to_owned());
    let arguments = ["fetch", "--allow-net", "127.0.0.0/8", "--input", &input, "--output", &output];
    let mut child = program(&[arguments.as_slice(), &["--output-dir", &folder]].concat()).spawn().unwrap();
    for _ in 0..600 {
        if origin.counts().in_flight == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Heads have arrived.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let id = child.id().unwrap().to_string();
    assert!(tokio::process::Command::new("kill").args(["-INT", &id]).status().await.unwrap().success());
    let ended = tokio::time::timeout(Duration::from_secs(30), child.wait()).await.unwrap().unwrap();
    assert_eq!(ended.code(), Some(130));
    for line in job.lines() {
        assert_eq!((&line["error"]["cause"], &line["error"]["phase"]), (&"cancelled".into(), &"body".into()));
        assert_eq!(line["error"]["retryable"], line["method"] == "GET", "{line}");
    }
    assert_eq!(job.lines().len(), 2);
}

#[tokio::test]
async fn who_asks_is_not_what_is_asked() {
    let (origin, job) = (origin().await, Job::new());
    let object = serde_json::json!({"url": origin.url("/b")});
    let input = format!("{}\n{object}\n", origin.url("/a"));
    job.run(&["-A", "fantail/1.0"], &input).await;
    let (_, stderr) = job.run(&["--resume", "-A", "fantail/2.0"], &input).await;
    assert!(stderr.contains("skipped      2 had an outcome"), "{stderr}");
    let named = serde_json::json!({"url": origin.url("/b"), "headers": {"user-agent": "a program"}});
    let (_, stderr) = job.run(&["--resume"], &named.to_string()).await;
    assert!(stderr.contains("skipped      0 had an outcome"), "{stderr}");
}

#[tokio::test]
async fn credentials_may_change_between_runs() {
    let (origin, job) = (origin().await, Job::new());
    let input = urls(&origin, &["/a"]);
    job.run(&["-H", "authorization: Bearer one"], &input).await;
    let (_, stderr) = job.run(&["--resume", "-H", "authorization: Bearer two"], &input).await;
    assert!(stderr.contains("skipped      1 had an outcome"), "{stderr}");
    let (_, stderr) = job.run(&["--resume", "-H", "accept: text/html"], &input).await;
    assert!(stderr.contains("skipped      0 had an outcome"), "{stderr}");
}

/// A number drawn from a seed that each drawing changes (xorshift).
fn draw(seed: &mut u64, below: u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed % below
}

const REQUESTS: usize = 3_000;
const KILLS: usize = 50;

/// Starts the job and kills it at a drawn moment. Returns whether it was still running.
async fn run_and_kill(arguments: &[&str], milliseconds: u64) -> bool {
    let mut child = program(arguments).spawn().unwrap();
    let ended = tokio::time::timeout(Duration::from_millis(milliseconds), child.wait()).await;
    if ended.is_err() {
        // SIGKILL.
        child.kill().await.unwrap();
    }
    ended.is_err()
}

fn assert_each_once(job: &Job, bodies: &Path) {
    let lines = job.lines();
    let ids = count_of(&lines, "id");
    assert_eq!((lines.len(), ids.len()), (REQUESTS, REQUESTS), "each request has exactly one line");
    let names = std::fs::read_dir(bodies).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names.len(), REQUESTS, "no body is there twice, and nothing is left over");
    for line in lines {
        let body = std::fs::read(line["body_file"].as_str().unwrap()).unwrap();
        assert_eq!(body, vec![b'x'; 100 + line["id"].as_u64().unwrap() as usize % 7]);
    }
}

/// Moments are drawn anew, and their seed is in the message: starting up and working both have their share.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_fifty_times_and_resumed_a_job_has_each_request_exactly_once() {
    let (origin, job) = (origin().await, Job::new());
    let input = job.folder.path().join("urls.txt");
    std::fs::write(
        &input,
        (0..REQUESTS).map(|id| origin.url(&format!("/bytes/{}?{id}\n", 100 + id % 7))).collect::<String>(),
    )
    .unwrap();
    let bodies = job.folder.path().join("bodies");
    let path = job.path();
    let [input, output, folder] = [&input, &path, &bodies].map(|path| path.to_str().unwrap().to_owned());
    let arguments = ["fetch", "--allow-net", "127.0.0.0/8", "-c", "8", "--rate", "1500", "--input", &input];
    let arguments = [arguments.as_slice(), &["--output", &output, "--resume", "--output-dir", &folder]].concat();
    let mut seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64 | 1;
    println!("seed {seed}");
    let (mut kills, mut longest) = (0, 400);
    for _ in 0..4 * KILLS {
        if kills == KILLS {
            break;
        }
        if run_and_kill(&arguments, draw(&mut seed, longest)).await {
            kills += 1;
            // A machine that is slow to start the program gets more time to work.
            longest += if job.path().exists() && !job.text().is_empty() { 0 } else { 50 };
        } else {
            // It came to its end: the next starts from nothing.
            assert_each_once(&job, &bodies);
            std::fs::remove_file(job.path()).unwrap();
            std::fs::remove_dir_all(&bodies).unwrap();
        }
    }
    assert_eq!(kills, KILLS);
    let output = tokio::time::timeout(Duration::from_secs(60), program(&arguments).output()).await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_each_once(&job, &bodies);
}
