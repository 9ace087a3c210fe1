//! `fetch --report --har` and `fantail report`.

use crate::support::{Output, fetch, origin, run};
use serde_json::Value;
use std::path::Path;

async fn report(arguments: &[&str], input: &str) -> Output {
    run(&[&["report"], arguments].concat(), input.as_bytes()).await
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn har(path: &Path) -> Value {
    serde_json::from_str(&text(path)).unwrap()
}

fn line(id: u32) -> String {
    let timing = r#""timing":{"queued_us":1,"head_us":900,"body_us":2,"total_us":1000}"#;
    format!(
        r#"{{"id":{id},"url":"http://a.test/{id}?token=sesame","attempts":1,"status":200,"headers":{{}},{timing}}}"#
    )
}

#[tokio::test]
async fn a_run_makes_a_page_and_a_har_file_and_prints_its_outcomes_as_ever() {
    let (origin, folder) = (origin().await, tempfile::tempdir().unwrap());
    let (page, archive) = (folder.path().join("report.html"), folder.path().join("run.har"));
    let files = ["--report", page.to_str().unwrap(), "--har", archive.to_str().unwrap(), "--concurrency", "3"];
    let urls = [origin.url("/ok"), origin.url("/status/404"), origin.url("/close")];
    let output = fetch(&[&files[..], &[&urls[0], &urls[1], &urls[2]]].concat(), b"").await;
    assert_eq!((output.code, output.lines().len()), (1, 3), "{}", output.stderr);
    let page = text(&page);
    assert!(page.contains("<dt>outcomes</dt><dd>3</dd>") && page.contains("<dt>failed</dt><dd>1</dd>"));
    assert!(page.contains("<dt>concurrency</dt><dd class=\"set\">3</dd>"), "the policy in force");
    assert!(page.contains("<dt>connections opened</dt>"), "the receipt");
    assert!(page.contains("id=\"over-time\""), "even a failure without facts has a time");
    let archive = har(&archive);
    let entries = archive["log"]["entries"].as_array().unwrap();
    let mut statuses: Vec<_> = entries.iter().map(|entry| entry["response"]["status"].as_u64().unwrap()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [0, 200, 404]);
    let ok = entries.iter().find(|entry| entry["response"]["status"] == 200).unwrap();
    assert_eq!(ok["response"]["content"]["text"], "hello world");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing temporary is left");
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_a_mistake_before_anything_is_sent() {
    let origin = origin().await;
    for option in ["--report", "--har"] {
        let output = fetch(&[option, "/no/such/folder/file", &origin.url("/ok")], b"").await;
        assert_eq!((output.code, output.stdout.as_str()), (2, ""));
        assert!(output.stderr.contains("cannot write /no/such/folder/file: No such file"), "{}", output.stderr);
    }
    let output = fetch(&["--report", "x", "--har", "x", &origin.url("/ok")], b"").await;
    assert!(output.code == 2 && output.stderr.contains("give each a file of its own"), "{}", output.stderr);
    assert_eq!(origin.counts().requests, 0);
}

/// As root cannot be kept from writing, this is the device that is always full.
#[tokio::test]
async fn a_har_file_that_cannot_be_written_on_does_not_cost_the_outcomes() {
    let origin = origin().await;
    let output = fetch(&["--har", "/dev/full", &origin.url("/ok")], b"").await;
    assert_eq!((output.code, output.lines().len()), (1, 1));
    assert!(output.stderr.contains("cannot write /dev/full: No space left"), "{}", output.stderr);
}

#[tokio::test]
async fn a_file_of_outcomes_makes_the_same_and_lines_that_are_none_are_named_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let more = r#"{"id":"x-1","method":"PUT","started_us":1700000000000000,"meta":{"row":3},"url""#;
    let other = line(2).replace(r#"{"id":2,"url""#, more);
    let input = format!("{}\n\nhttp://a.test/\n{other}\n{{\"summary\":{{}}}}\n{}", line(1), &line(3)[..40]);
    std::fs::write(path("outcomes.ndjson"), input).unwrap();
    std::fs::write(path("report.html"), "before").unwrap();
    let arguments = [&path("outcomes.ndjson"), "--html", &path("report.html"), "--har", &path("run.har")];
    let output = report(&arguments, "").await;
    assert_eq!((output.code, output.stdout.as_str()), (1, ""));
    assert!(output.stderr.contains("line 3 is no outcome: expected a JSON object"), "{}", output.stderr);
    assert!(output.stderr.contains("line 6 is no outcome: ") && output.stderr.contains("EOF"), "{}", output.stderr);
    assert!(output.stderr.contains("2 lines are no outcomes and were passed over"), "{}", output.stderr);
    let page = text(Path::new(&path("report.html")));
    assert!(page.contains("<dt>outcomes</dt><dd>2</dd>") && page.contains("2 lines are no outcomes"));
    assert!(page.contains("PUT http:&#x2f;&#x2f;a.test&#x2f;2") && page.contains("x-1"), "what is beside the outcome");
    assert!(page.contains("does not have the policy") && !page.contains("sesame"));
    let archive = text(Path::new(&path("run.har")));
    assert!(!archive.contains("sesame") && archive.contains("\"2023-11-14T22:13:20.000Z\""), "{archive}");
}

#[tokio::test]
async fn outcomes_come_from_standard_input_too_and_credentials_if_they_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("run.har");
    let output = report(&["-", "--har", archive.to_str().unwrap(), "--har-with-headers"], &(line(1) + "\n")).await;
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    assert!(text(&archive).contains("token=sesame"));
}

#[tokio::test]
async fn what_to_make_and_a_file_to_make_it_of_are_asked_for() {
    let output = report(&["outcomes.ndjson"], "").await;
    assert!(output.code == 2 && output.stderr.contains("--html"), "{}", output.stderr);
    let output = report(&["no-such.ndjson", "--html", "report.html"], "").await;
    assert!(output.code == 2 && output.stderr.contains("cannot read no-such.ndjson"), "{}", output.stderr);
    let output = report(&["outcomes.ndjson", "--html", "x", "--har-with-headers"], "").await;
    assert!(output.code == 2 && output.stderr.contains("--har"), "{}", output.stderr);
}
