//! What is wrong with the command itself.

use crate::support::{fetch, origin, run};

#[tokio::test]
async fn a_misspelt_option_is_refused_with_the_one_that_was_meant() {
    let output = run(&["fetch", "--concurency", "4", "http://a.test/"], b"").await;
    assert_eq!(output.code, 2);
    assert!(output.stderr.contains("--concurrency"), "{}", output.stderr);
}

#[tokio::test]
async fn every_line_of_output_is_an_outcome() {
    let origin = origin().await;
    let output =
        fetch(&["--input", "-"], format!("{}\n{}\n", origin.url("/ok"), origin.url("/status/404")).as_bytes()).await;
    let mut statuses: Vec<_> = output.lines().iter().map(|line| line["status"].as_u64()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [Some(200), Some(404)]);
}

#[tokio::test]
async fn a_value_out_of_bounds_is_named_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.json");
    std::fs::write(&file, r#"{"retry":{"attempts":99}}"#).unwrap();
    let file = file.to_str().unwrap();
    let output = run(&["fetch", "--policy", file, "http://a.test/"], b"").await;
    let place = format!("{file}: retry.attempts: 99 is not within 0 to ");
    assert!(output.code == 2 && output.stderr.contains(&place), "{}", output.stderr);
    let output = run(&["fetch", "--policy", file, "--retries", "98", "http://a.test/"], b"").await;
    assert!(output.code == 2 && output.stderr.contains("--retries: 98 is not within 0 to "), "{}", output.stderr);
}
