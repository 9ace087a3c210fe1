//! The facts of an outcome about its last attempt are what the sender recorded.

use crate::support::{by_id, failure, harness, origin, requests, run, run_one, status};
use fantail::{Body, BodyMode, Policy, Protocol};
use fantail_engine::Request;
use futures::StreamExt;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// The time to the head is the sender's measurement, and does not include waiting for a connection.
#[tokio::test]
async fn an_outcome_says_where_the_time_of_its_last_attempt_went() {
    let (origin, harness) = (origin().await, harness());
    let before = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap();
    let policy = Policy { concurrency: Some(100), ..Policy::default() };
    let (outcomes, _) = run(&harness, requests((0..300).map(|_| origin.url("/ok"))), &policy).await;
    for outcome in &outcomes {
        let facts = outcome.last_attempt.unwrap();
        assert!(facts.head.is_some() && outcome.timing.head == facts.head, "{outcome:?}");
        assert!(facts.started.is_some_and(|started| started >= before), "{facts:?}");
        assert_eq!((facts.remote, facts.protocol), (Some(origin.address()), Some(Protocol::Http1)));
        assert_eq!(facts.connect.is_some(), facts.reused == Some(false), "{facts:?}");
        assert!(outcome.timing.total >= outcome.timing.queued + facts.head.unwrap(), "{outcome:?}");
    }
    assert!(outcomes.iter().any(|outcome| outcome.last_attempt.unwrap().reused == Some(true)));
    let named = |name: &str| {
        outcomes.iter().any(|outcome| {
            outcome.result.as_ref().is_ok_and(|response| response.headers.iter().any(|(header, _)| header == name))
        })
    };
    assert!(!named("fantail-facts"), "the facts header between host and component is not passed on");
}

/// The detail of a failure is about its own request.
#[tokio::test]
async fn simultaneous_failures_at_one_origin_keep_their_own_details() {
    let origin = origin().await;
    let urls = ["/garbage", "/close", "/reset", "/short"].map(|path| origin.url(path));
    let (outcomes, _) = run(&harness(), requests(urls), &Policy::default()).await;
    let details: Vec<_> = by_id(outcomes).iter().map(|outcome| failure(outcome).detail.clone().unwrap()).collect();
    let mut different = details.clone();
    different.sort();
    different.dedup();
    assert!(different.len() >= 3, "{details:?}");
}

/// The header with which the component requests facts from its host stays between the two.
#[tokio::test]
async fn the_facts_header_is_not_sent_to_origins() {
    let origin = origin().await;
    let outcome = run_one(&harness(), Request::get(1, origin.url("/echo")), &Policy::default()).await;
    let Body::Bytes(sent) = &outcome.result.as_ref().unwrap().body else { panic!("the body was not kept") };
    assert!(!String::from_utf8_lossy(sent).contains("fantail"), "{outcome:?}");
}

/// An origin that answers while it is still reading receives the rest of the upload.
#[tokio::test]
async fn an_upload_continues_while_its_response_body_is_unread() {
    const BYTES: usize = 3 << 20;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let echo = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let (mut received, mut piece) = (Vec::new(), vec![0; 64 << 10]);
        while !received.windows(4).any(|end| end == b"\r\n\r\n") {
            let read = socket.read(&mut piece).await.unwrap();
            received.extend_from_slice(&piece[..read]);
        }
        let body = received.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
        socket.write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {BYTES}\r\n\r\n").as_bytes()).await.unwrap();
        socket.write_all(&received[body..]).await.unwrap();
        let mut left = BYTES - (received.len() - body);
        while left > 0 {
            let read = socket.read(&mut piece).await.unwrap();
            assert!(read > 0, "the upload ended {left} bytes early");
            socket.write_all(&piece[..read]).await.unwrap();
            left -= read;
        }
    });
    let policy = Policy { body: Some(BodyMode::Unread), ..Policy::default() };
    let request = Request { method: "POST".to_owned(), body: Some(vec![b'u'; BYTES]), ..Request::get(1, url) };
    let mut outcomes = harness().fetch(futures::stream::iter([request]), &policy).await.unwrap();
    let outcome = outcomes.next().await.unwrap();
    assert_eq!(status(&outcome), Some(200));
    let Body::Unread(mut body) = outcome.result.unwrap().body else { panic!("not unread") };
    let mut bytes = 0;
    while let Some(piece) = body.next().await {
        bytes += piece.unwrap().len();
    }
    assert_eq!(bytes, BYTES);
    echo.await.unwrap();
}
