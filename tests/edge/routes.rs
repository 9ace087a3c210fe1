//! Routes other than batches.

use super::{Edge, edge, options};
use crate::support::builder;
use fantail::Listening;
use http::Method;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
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
async fn the_page_loads_nothing_but_its_own_style_and_script() {
    let edge = edge(options()).await;
    let (_, _, page) = request(&edge, Method::GET, "/").await;
    let loaded: Vec<&str> = ["src=\"", "href=\""]
        .iter()
        .flat_map(|attribute| page.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap()))
        .collect();
    assert_eq!(loaded, ["/page.js", "/page.css"]);
    for (path, content_type) in [("/", "text/html"), ("/page.css", "text/css"), ("/page.js", "text/javascript")] {
        let reply = edge.request(Method::GET, path, &[], futures::stream::empty()).await;
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (200, format!("{content_type}; charset=utf-8").as_str())
        );
        let policy = reply.header("content-security-policy").to_owned();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        let text = reply.text().await;
        for outside in ["@import", "url(", "import(", "<script>"] {
            assert!(!text.contains(outside), "{path}: {outside}");
        }
        let head = edge.request(Method::HEAD, path, &[], futures::stream::empty()).await;
        assert_eq!((head.status, head.header("content-length")), (200, text.len().to_string().as_str()));
    }
    assert_eq!(
        edge.request(Method::POST, "/page.js", &[], futures::stream::empty()).await.header("allow"),
        "GET, HEAD"
    );
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
async fn v2_silent_connections_are_closed_when_a_request_needs_their_place() {
    let edge = Edge::listen(builder(), options(), Listening { connections: 4, ..Listening::default() }).await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(TcpStream::connect(edge.address).await.unwrap());
    }
    let healthy = tokio::time::timeout(Duration::from_secs(10), request(&edge, Method::GET, "/healthz"));
    assert_eq!(healthy.await.expect("long before any timeout").0, 200);
}

/// One peer cannot exhaust the limit of all, and what it has too many is closed.
#[tokio::test]
async fn v3_a_peer_has_no_more_connections_than_it_may() {
    let listening = Listening { connections_per_peer: 2, ..Listening::default() };
    let edge = Edge::listen(builder(), options(), listening).await;
    // Requests that wait for more lines keep two connections busy.
    let (one, other) = (edge.post_lines().await, edge.post_lines().await);
    let mut refused = TcpStream::connect(edge.address).await.unwrap();
    let closed = tokio::time::timeout(Duration::from_secs(10), refused.read(&mut [0; 1])).await.unwrap();
    assert!(!matches!(closed, Ok(1..)), "closed without an answer: {closed:?}");
    drop(one);
    // An idle connection is closed for a new one.
    let until_admitted = async {
        loop {
            let mut tcp = TcpStream::connect(edge.address).await.unwrap();
            let _ = tcp.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await;
            if matches!(tcp.read(&mut [0; 1]).await, Ok(1)) {
                return tcp;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let _idle = tokio::time::timeout(Duration::from_secs(10), until_admitted).await.expect("a place was free");
    assert_eq!(request(&edge, Method::GET, "/healthz").await.0, 200);
    drop(other);
}
