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
