//! What tests are made of.

use fantail::{Body, Egress, Harness, Outcome, Policy, Report, Request};
use fantail_origin::Origin;
use futures::{Stream, StreamExt};

/// A harness that may connect to loopback and nowhere else.
pub(crate) fn harness() -> Harness {
    builder().build().unwrap()
}

pub(crate) fn builder() -> fantail::Builder {
    Harness::builder(Egress::nothing().allow("127.0.0.0/8".parse().unwrap()))
}

pub(crate) async fn origin() -> Origin {
    Origin::start().await.unwrap()
}

/// Requests for these URLs, numbered from 0.
pub(crate) fn requests(urls: impl IntoIterator<Item = String>) -> impl Stream<Item = Request> + Send
where
{
    let requests: Vec<Request> = urls.into_iter().enumerate().map(|(id, url)| Request::get(id as u64, url)).collect();
    futures::stream::iter(requests)
}

/// Runs a batch to its end.
pub(crate) async fn run(
    harness: &Harness,
    requests: impl Stream<Item = Request> + Send + 'static,
    policy: &Policy,
) -> (Vec<Outcome>, Report) {
    let mut outcomes = harness.fetch(requests, policy).await.unwrap();
    let mut all = Vec::new();
    while let Some(outcome) = outcomes.next().await {
        all.push(outcome);
    }
    (all, outcomes.report().await)
}

/// The text of a body that was kept.
pub(crate) fn text(outcome: &Outcome) -> &str {
    match outcome.result.as_ref().map(|response| &response.body) {
        Ok(Body::Bytes(bytes)) => std::str::from_utf8(bytes).unwrap(),
        other => panic!("not a kept body: {other:?}"),
    }
}
