//! What an outcome says of its last attempt is what the sender has seen of it.

use crate::support::{by_id, failure, harness, origin, requests, run, run_one, status};
use fantail::{Body, BodyMode, Policy, Protocol};
use fantail_engine::Request;
use futures::StreamExt;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// T5: time to the head is the sender's, and waiting for a connection is no part of it.
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
    assert!(!named("fantail-facts"), "what host and component say to each other is nobody else's");
}

/// T6: what is said of a failure is what happened to that request.
#[tokio::test]
async fn failures_of_one_moment_at_one_origin_have_their_own_words() {
    let origin = origin().await;
    let urls = ["/garbage", "/close", "/reset", "/short"].map(|path| origin.url(path));
    let (outcomes, _) = run(&harness(), requests(urls), &Policy::default()).await;
    let details: Vec<_> = by_id(outcomes).iter().map(|outcome| failure(outcome).detail.clone().unwrap()).collect();
    let mut different = details.clone();
    different.sort();
    different.dedup();
    assert!(different.len() >= 3, "{details:?}");
}

/// The header with which the component asks its host goes no further, and what a peer says under the host's name is not believed.
#[tokio::test]
async fn what_a_component_asks_its_host_goes_no_further() {
    let origin = origin().await;
    let outcome = run_one(&harness(), Request::get(1, origin.url("/echo")), &Policy::default()).await;
    let Body::Bytes(sent) = &outcome.result.as_ref().unwrap().body else { panic!("not kept") };
    assert!(!String::from_utf8_lossy(sent).contains("fantail"), "{outcome:?}");
}

/// L13: who answers while it reads gets the rest of what it answers.
#[tokio::test]
async fn an_upload_goes_on_beside_an_answer_that_is_unread() {
    const BYTES: usize = 3 << 20;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let echo = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let (mut seen, mut piece) = (Vec::new(), vec![0; 64 << 10]);
        while !seen.windows(4).any(|end| end == b"\r\n\r\n") {
            let read = socket.read(&mut piece).await.unwrap();
            seen.extend_from_slice(&piece[..read]);
        }
        let body = seen.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
        socket.write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {BYTES}\r\n\r\n").as_bytes()).await.unwrap();
        socket.write_all(&seen[body..]).await.unwrap();
        let mut left = BYTES - (seen.len() - body);
        while left > 0 {
            let read = socket.read(&mut piece).await.unwrap();
            assert!(read > 0, "the upload broke off with {left} bytes left");
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
