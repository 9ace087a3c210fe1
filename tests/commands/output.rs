//! Formats of outcomes, the summary, exit codes, and what is said when an output cannot be written.

use crate::support::{Output, fetch, origin, program, run, run_command};
use fantail_origin::Origin;
use serde_json::Value;
use std::path::Path;
use tokio::process::Command;

/// A URL that answers, one that is missing, and one whose connection closes.
fn three(origin: &Origin) -> [String; 3] {
    ["/ok", "/status/404", "/close"].map(|path| origin.url(path))
}

/// Runs `fantail fetch` for these URLs.
async fn fetch_urls(options: &[&str], urls: &[String]) -> Output {
    fetch(&[options, &urls.iter().map(String::as_str).collect::<Vec<_>>()].concat(), b"").await
}

#[tokio::test]
async fn a_table_has_a_line_per_outcome_with_status_or_cause_time_size_and_url() {
    let origin = origin().await;
    let urls = three(&origin);
    let output = fetch_urls(&["--format", "table", "--order", "input"], &urls).await;
    let lines: Vec<Vec<&str>> = output.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    let firsts: Vec<&str> = lines.iter().map(|words| words[0]).collect();
    assert_eq!(firsts, ["200", "404", "connection-terminated"]);
    assert_eq!(&lines[0][3..], ["11", "B", &urls[0]], "time, size and URL: {:?}", lines[0]);
    assert!(["µs", "ms", "s"].contains(&lines[0][2]), "{:?}", lines[0]);
    assert!(!output.stdout.contains('\u{1b}'), "no colour without a terminal");
}

#[tokio::test]
async fn csv_has_a_row_of_names_and_as_many_fields_in_each_row() {
    let origin = origin().await;
    let urls = [origin.url("/ok?a,\"b\""), origin.url("/close")];
    let output = fetch_urls(&["--format", "csv", "--order", "input"], &urls).await;
    let mut reader = csv::Reader::from_reader(output.stdout.as_bytes());
    let names = reader.headers().unwrap().clone();
    let field = |row: &csv::StringRecord, name: &str| row[names.iter().position(|n| n == name).unwrap()].to_owned();
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 2);
    assert!(field(&rows[0], "url").contains("/ok?a,"), "{:?}", rows[0]);
    let told = ["status", "cause", "body_bytes", "attempts"].map(|name| field(&rows[0], name));
    assert_eq!(told, ["200", "", "11", "1"]);
    let told = ["status", "cause", "body_bytes", "retryable"].map(|name| field(&rows[1], name));
    assert_eq!(told, ["", "connection-terminated", "", "true"]);
    assert!(field(&rows[0], "total_us").parse::<u64>().unwrap() > 0);
    assert!(field(&rows[0], "started_us").parse::<u64>().unwrap() > 0);
    assert_eq!(field(&rows[1], "method"), "GET");
    assert_eq!((field(&rows[1], "key").len(), field(&rows[1], "meta")), (24, String::new()));
}

#[tokio::test]
async fn quiet_prints_outcomes_and_nothing_else() {
    let origin = origin().await;
    let output = fetch_urls(&["-q"], &three(&origin)).await;
    assert_eq!((output.lines().len(), output.stderr.as_str(), output.code), (3, "", 1));
    let output = run(&["fetch", "-q", "--concurrency", "0", "http://a.test/"], b"").await;
    assert!(output.stderr.contains("concurrency"), "errors are printed all the same: {}", output.stderr);
}

#[tokio::test]
async fn fail_exits_with_1_after_a_status_of_400_or_above() {
    let origin = origin().await;
    let [ok, missing, _] = three(&origin);
    for (options, urls, code) in [
        (&[][..], vec![ok.clone(), missing.clone()], 0),
        (&["--fail"], vec![ok.clone(), missing.clone()], 1),
        (&["--fail"], vec![ok.clone(), origin.url("/status/302")], 0),
        (&["--fail"], vec![origin.url("/status/500")], 1),
        (&["--fail", "--until", "1"], vec![ok, missing], 0),
    ] {
        let output = fetch_urls(options, &urls).await;
        assert_eq!(output.code, code, "{options:?} {urls:?}: {}", output.stderr);
    }
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[tokio::test]
async fn the_summary_as_json_counts_statuses_causes_and_origins_with_the_receipt() {
    let (origin, other) = (origin().await, origin().await);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("summary.json");
    let mut urls = three(&origin).to_vec();
    urls.push(other.url("/delay/30"));
    let output = fetch_urls(&["--summary-json", path.to_str().unwrap()], &urls).await;
    let summary = json(&path);
    assert_eq!(summary["summary"]["requests"], 4);
    assert_eq!(summary["by_status_code"], serde_json::json!({"200": 2, "404": 1}));
    assert_eq!(summary["causes"][0]["cause"], "connection-terminated");
    assert!(summary["causes"][0]["hint"].as_str().unwrap().ends_with('.'));
    assert_eq!(summary["origins"]["counted"], 2);
    assert_eq!(summary["origins"]["by_failures"][0]["origin"], origin.url(""));
    assert_eq!(summary["origins"]["by_mean_time"][0]["origin"], other.url(""));
    assert!(summary["total"]["max_us"].as_u64() >= Some(30_000), "{}", summary["total"]);
    assert!(summary["receipt"]["received_bytes"].as_u64() > Some(0));
    assert_eq!((summary["exit_code"].as_i64(), summary["end"]["state"].as_str()), (Some(1), Some("finished")));
    assert_eq!(output.code, 1);
}

#[tokio::test]
async fn the_summary_names_the_failing_origin_the_hint_and_the_breaker() {
    let (origin, other) = (origin().await, origin().await);
    let mut urls = vec![origin.url("/close"); 40];
    urls.push(other.url("/ok"));
    let options = ["-c", "1", "--breaker", "50", "--breaker-minimum", "5", "--retries", "1", "--backoff", "1ms"];
    let output = fetch_urls(&options, &urls).await;
    for part in [
        format!("origins      {}  40 requests, 40 failed", origin.url("")),
        "breaker-open: The origin failed too often".to_owned(),
        "connection-terminated: Try again (--retries)".to_owned(),
        "breaker      open, so that ".to_owned(),
        format!("were not sent: {} ", origin.url("")),
    ] {
        assert!(output.stderr.contains(&part), "{part} in {}", output.stderr);
    }
}

#[tokio::test]
async fn a_limit_that_bound_is_named() {
    let origin = origin().await;
    let output = fetch_urls(&["-c", "1"], &vec![origin.url("/delay/20"); 5]).await;
    let told = "concurrency  all 1 slots were taken (-c); half of the requests waited ";
    assert!(output.stderr.contains(told), "{}", output.stderr);
    let output = fetch_urls(&["-c", "64"], &vec![origin.url("/delay/20"); 5]).await;
    assert!(!output.stderr.contains("slots were taken"), "{}", output.stderr);
}

#[tokio::test]
async fn verbose_reports_what_the_libraries_do_and_no_secrets() {
    let origin = origin().await;
    let url = origin.url("/ok?canary");
    let output = fetch_urls(&["-v", "-H", "authorization: Bearer canary"], std::slice::from_ref(&url)).await;
    assert!(output.stderr.contains("DEBUG batch:attempt"), "{}", output.stderr);
    assert!(!output.stderr.contains("canary"), "{}", output.stderr);
    let mut command = program(&["fetch", "--allow-net", "127.0.0.0/8", &url]);
    let output = run_command(
        {
            command.env("RUST_LOG", "fantail=info");
            command
        },
        b"",
    )
    .await;
    assert!(!output.stderr.contains("DEBUG"), "{}", output.stderr);
    let mut command = program(&["fetch", &url]);
    let output = run_command(
        {
            command.env("RUST_LOG", "fantail=loud");
            command
        },
        b"",
    )
    .await;
    assert!(output.code == 2 && output.stderr.contains("RUST_LOG"), "{}", output.stderr);
}

/// Runs a script in which `$0` is the program, and `$1` a URL.
async fn shell(script: &str, url: &str) -> Output {
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_fantail"), url]).env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    command.stderr(std::process::Stdio::piped()).kill_on_drop(true);
    run_command(command, b"").await
}

#[tokio::test]
async fn a_full_disk_is_said_for_each_output() {
    let origin = origin().await;
    let url = origin.url("/ok");
    let full = "No space left on device";
    for format in ["ndjson", "table", "csv"] {
        let script = format!("\"$0\" fetch --allow-net 127.0.0.1 --format {format} \"$1\" > /dev/full");
        let output = shell(&script, &url).await;
        assert_eq!(output.code, 1, "{}", output.stderr);
        assert!(output.stderr.contains(&format!("outcomes cannot be written: {full}")), "{}", output.stderr);
        assert!(output.stderr.contains("requests     1 in"), "{}", output.stderr);
    }
    let output = shell("\"$0\" fetch --allow-net 127.0.0.1 --summary-json /dev/full \"$1\"", &url).await;
    assert_eq!((output.code, output.lines().len()), (1, 1));
    assert!(output.stderr.contains(&format!("cannot write the summary to /dev/full: {full}")), "{}", output.stderr);
    let output = shell("\"$0\" fetch --allow-net 127.0.0.1 -vv \"$1\" 2> /dev/full", &url).await;
    assert_eq!((output.code, output.lines().len()), (0, 1), "what cannot be said is not said");
}

#[tokio::test]
async fn a_summary_file_that_cannot_be_created_is_an_error_before_anything_is_sent() {
    let origin = origin().await;
    let output = fetch_urls(&["--summary-json", "/nowhere/summary.json"], &[origin.url("/ok")]).await;
    assert_eq!((output.code, origin.counts().connections), (2, 0));
    assert!(output.stderr.contains("cannot write the summary to /nowhere/summary.json: "), "{}", output.stderr);
}

#[tokio::test]
async fn the_demo_tells_who_failed_what_was_done_and_what_to_try_next() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = program(&["demo"]);
    demo.env("TMPDIR", folder.path());
    let output = run_command(demo, b"").await;
    assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{}", output.stdout);
    let told = &output.stdout;
    let page = told.split("to open in a browser: ").nth(1).and_then(|rest| rest.lines().next()).unwrap();
    assert!(
        page.starts_with(folder.path().to_str().unwrap())
            && std::fs::read_to_string(page).unwrap().contains("<dt>outcomes</dt>")
    );
    assert!(told.lines().count() <= 14, "{told}");
    for part in [
        "steady     400 requests: ",
        "answers were errors (503); after trying again, ",
        "a second attempt raced it",
        "then its circuit breaker opened",
        "never answered",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    assert!(told.trim_end().lines().last().unwrap().starts_with("Next: fantail fetch "), "{told}");
    let total = |word: &str| -> u64 {
        let before = told.split(word).next().unwrap().split_whitespace().last().unwrap();
        before.replace(',', "").parse().unwrap()
    };
    assert_eq!(total(" responses, ") + total(" failures that"), 1_000, "{told}");
}
