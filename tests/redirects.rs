//! Redirects over real connections. The engine decides which redirects to follow and how, and its own tests cover that.

use crate::support::{cause, harness, origin, run_one, status, text};
use fantail::{Cause, Egress, Policy};
use fantail_engine::Request;

fn two_redirects() -> Policy {
    Policy { redirects: Some(2), ..Policy::default() }
}

fn with_token(url: String) -> Request {
    let headers = ["authorization", "x-key", "accept"].map(|name| (name.to_owned(), b"secret".to_vec()));
    Request { headers: headers.to_vec(), ..Request::get(0, url) }
}

#[tokio::test]
async fn a_redirect_is_followed_on_the_same_connection_and_reported() {
    let (origin, harness) = (origin().await, harness());
    let request = with_token(origin.url("/redirect/302?/echo"));
    let outcome = run_one(&harness, request, &two_redirects()).await;
    assert_eq!((outcome.url.as_str(), outcome.attempts), (origin.url("/echo").as_str(), 2));
    assert_eq!(outcome.hops, [origin.url("/redirect/302?/echo")]);
    assert!(text(&outcome).contains("authorization: secret"), "the same origin");
    assert_eq!((origin.counts().requests, origin.counts().connections), (2, 1));
}

#[tokio::test]
async fn r7_another_port_is_another_origin_and_gets_no_credentials() {
    let (origin, other, harness) = (origin().await, origin().await, harness());
    let mut request = with_token(origin.url(&format!("/redirect/307?{}", other.url("/echo"))));
    request.options.secret_headers = vec!["X-Key".to_owned()];
    let outcome = run_one(&harness, request, &two_redirects()).await;
    let sent = text(&outcome);
    assert!(sent.contains("accept: secret"), "{sent}");
    assert!(!sent.contains("authorization") && !sent.contains("x-key"), "{sent}");
}

#[tokio::test]
async fn r2_a_redirect_cannot_reach_a_prohibited_address() {
    let (origin, harness) = (origin().await, harness());
    let request = Request::get(0, origin.url("/redirect/302?http://169.254.169.254/latest/meta-data/"));
    let outcome = run_one(&harness, request, &two_redirects()).await;
    assert_eq!(cause(&outcome), Some(Cause::DestinationIpProhibited));
    assert_eq!((outcome.url.as_str(), outcome.hops.len()), ("http://169.254.169.254/latest/meta-data/", 1));
}

#[tokio::test]
async fn redirects_are_followed_only_if_the_policy_says_so_and_up_to_its_limit() {
    let (origin, harness) = (origin().await, harness());
    let request = Request::get(0, origin.url("/redirect/301?/ok"));
    assert_eq!(status(&run_one(&harness, request.clone(), &Policy::default()).await), Some(301));
    let cycle = Request::get(0, origin.url("/redirect/302?/redirect/302"));
    assert_eq!(cause(&run_one(&harness, cycle, &two_redirects()).await), Some(Cause::RedirectLimit));
}

#[tokio::test]
async fn r6_r10_a_redirect_to_an_unlisted_origin_is_denied_even_if_only_the_port_differs() {
    let (listed, other) = (origin().await, origin().await);
    let pattern = listed.url("").parse().unwrap();
    let egress = Egress::nothing().allow("127.0.0.0/8".parse().unwrap()).origin(pattern);
    let harness = crate::support::builder_for(egress).build().unwrap();
    let policy = Policy { redirects: Some(3), ..Policy::default() };
    let url = listed.url(&format!("/redirect/302?{}", other.url("/ok")));
    let outcome = run_one(&harness, Request::get(0, &url), &policy).await;
    assert_eq!((cause(&outcome), outcome.hops.len()), (Some(Cause::HttpRequestDenied), 1));
    assert_eq!(outcome.url, other.url("/ok"), "the outcome names the target of the redirect");
    assert_eq!(other.counts().connections, 0);
    for port in [22, 25, 6_379] {
        let request = Request::get(0, format!("http://127.0.0.1:{port}/"));
        assert_eq!(cause(&run_one(&harness, request, &policy).await), Some(Cause::HttpRequestDenied));
    }
}
