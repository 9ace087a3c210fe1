use crate::support::{harness, origin, requests, run, text};
use fantail::Policy;

#[tokio::test]
async fn a_thousand_requests_have_a_thousand_outcomes() {
    let origin = origin().await;
    let urls: Vec<String> = (0..1000).map(|_| origin.url("/ok")).collect();
    let (outcomes, report) = run(&harness(), requests(urls), &Policy::default()).await;
    assert_eq!(outcomes.len(), 1000, "{report:?}");
    assert_eq!(text(&outcomes[0]), "hello world");
    eprintln!("{report:#?}");
}
