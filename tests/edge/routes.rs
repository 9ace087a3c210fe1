//! What is there beside batches.

use super::{Edge, edge, options};
use crate::support::builder;
use fantail::Listening;
use http::Method;
use std::time::Duration;
use tokio::net::TcpStream;

async fn ask(edge: &Edge, method: Method, path: &str) -> (u16, String, String) {
    let reply = edge.ask(method, path, &[], futures::stream::empty()).await;
    (reply.status, reply.header("content-type").to_owned(), reply.text().await)
}

#[tokio::test]
async fn it_says_that_it_is_healthy_without_a_token() {
    let edge = edge(options()).await;
    let (status, _, body) = ask(&edge, Method::GET, "/healthz").await;
    assert_eq!((status, body.as_str()), (200, "ok\n"));
}

#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere() {
    let edge = edge(options()).await;
    let (status, content_type, page) = ask(&edge, Method::GET, "/").await;
    assert_eq!((status, content_type.as_str()), (200, "text/html; charset=utf-8"));
    for outside in ["src=", "href=\"http", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    let head = edge.ask(Method::HEAD, "/", &[], futures::stream::empty()).await;
    assert_eq!((head.status, head.header("content-length")), (200, page.len().to_string().as_str()));
}

#[tokio::test]
async fn what_is_not_there_is_a_problem() {
    let edge = edge(options()).await;
    let (status, content_type, body) = ask(&edge, Method::GET, "/nothing").await;
    assert_eq!((status, content_type.as_str()), (404, "application/problem+json"));
    assert!(body.contains("there is nothing at /nothing"), "{body}");
    let reply = edge.ask(Method::PUT, "/", &[], futures::stream::empty()).await;
    assert_eq!((reply.status, reply.header("allow")), (405, "GET, HEAD, POST"));
}

/// L17: who connects and says nothing keeps nobody out.
#[tokio::test]
async fn silent_connections_make_way_for_one_that_asks() {
    let edge = Edge::listen(builder(), options(), Listening { connections: 4, ..Listening::default() }).await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(TcpStream::connect(edge.address).await.unwrap());
    }
    let healthy = tokio::time::timeout(Duration::from_secs(10), ask(&edge, Method::GET, "/healthz"));
    assert_eq!(healthy.await.expect("long before anybody loses patience").0, 200);
}
