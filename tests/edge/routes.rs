//! Routes other than batches.

use super::{Edge, edge, options};
use crate::support::builder;
use fantail::Listening;
use http::Method;
use std::time::Duration;
use tokio::net::TcpStream;

async fn request(edge: &Edge, method: Method, path: &str) -> (u16, String, String) {
    let reply = edge.request(method, path, &[], futures::stream::empty()).await;
    (reply.status, reply.header("content-type").to_owned(), reply.text().await)
}

#[tokio::test]
async fn the_health_check_needs_no_token() {
    let edge = edge(options()).await;
    let (status, _, body) = request(&edge, Method::GET, "/healthz").await;
    assert_eq!((status, body.as_str()), (200, "ok\n"));
}

#[tokio::test]
async fn the_page_loads_nothing_from_other_hosts() {
    let edge = edge(options()).await;
    let (status, content_type, page) = request(&edge, Method::GET, "/").await;
    assert_eq!((status, content_type.as_str()), (200, "text/html; charset=utf-8"));
    for outside in ["src=", "href=\"http", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    let head = edge.request(Method::HEAD, "/", &[], futures::stream::empty()).await;
    assert_eq!((head.status, head.header("content-length")), (200, page.len().to_string().as_str()));
}

#[tokio::test]
async fn unknown_paths_and_methods_are_refused() {
    let edge = edge(options()).await;
    let (status, content_type, body) = request(&edge, Method::GET, "/nothing").await;
    assert_eq!((status, content_type.as_str()), (404, "application/problem+json"));
    assert!(body.contains("there is nothing at /nothing"), "{body}");
    let reply = edge.request(Method::PUT, "/", &[], futures::stream::empty()).await;
    assert_eq!((reply.status, reply.header("allow")), (405, "GET, HEAD, POST"));
}

/// Connections that send nothing cannot exhaust the limit.
#[tokio::test]
async fn silent_connections_are_closed_when_a_request_needs_their_place() {
    let edge = Edge::listen(builder(), options(), Listening { connections: 4, ..Listening::default() }).await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(TcpStream::connect(edge.address).await.unwrap());
    }
    let healthy = tokio::time::timeout(Duration::from_secs(10), request(&edge, Method::GET, "/healthz"));
    assert_eq!(healthy.await.expect("long before any timeout").0, 200);
}
