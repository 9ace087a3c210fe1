//! Faults of HTTP/2.

use super::tls::{Authority, builder_trusting};
use super::{MS, describe, policy};
use crate::support::{by_id, cause, requests, run, run_one, status};
use bytes::Bytes;
use fantail::{Body, BodyMode, Cause, Harness, Outcome, Policy};
use fantail_engine::Request;
use futures::StreamExt;
use h2::Reason;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::server::TlsStream;

/// An HTTP/2 server that runs `serve` on each connection, with the number of earlier connections.
struct Server {
    port: u16,
    harness: Harness,
    connections: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Server {
    async fn start<F: Future<Output = ()> + Send + 'static>(
        serve: impl Fn(TlsStream<TcpStream>, usize) -> F + Send + Sync + 'static,
    ) -> Self {
        let authority = Authority::new();
        let acceptor = authority.acceptor(&[b"h2"]);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (connections, serve) = (Arc::<AtomicUsize>::default(), Arc::new(serve));
        let (counter, mut tasks) = (Arc::clone(&connections), JoinSet::new());
        tasks.spawn(async move {
            let mut serving = JoinSet::new();
            while let Ok((tcp, _)) = listener.accept().await {
                let before = counter.fetch_add(1, Ordering::SeqCst);
                let (acceptor, serve) = (acceptor.clone(), Arc::clone(&serve));
                serving.spawn(async move {
                    if let Ok(tls) = acceptor.accept(tcp).await {
                        serve(tls, before).await;
                    }
                });
            }
        });
        Self { port, harness: builder_trusting(&authority).build().unwrap(), connections, _tasks: tasks }
    }

    fn url(&self, path: &str) -> String {
        format!("https://secure.test:{}{path}", self.port)
    }

    async fn get(&self, path: &str) -> Outcome {
        run_one(&self.harness, Request::get(0, self.url(path)), &policy()).await
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Answers `/reset/CODE` with a reset, `/delay` after 100 ms, and everything else at once.
async fn well_behaved(tls: TlsStream<TcpStream>, _: usize) {
    let mut connection = h2::server::handshake(tls).await.unwrap();
    let mut answers = JoinSet::new();
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        answers.spawn(async move {
            let path = request.uri().path().to_owned();
            match path.strip_prefix("/reset/") {
                Some(code) => respond.send_reset(Reason::from(code.parse::<u32>().unwrap())),
                None => {
                    if path == "/delay" {
                        tokio::time::sleep(100 * MS).await;
                    }
                    let mut body = respond.send_response(http::Response::new(()), false).unwrap();
                    body.send_data(Bytes::from_static(b"hello"), true).unwrap();
                }
            }
        });
    }
}

#[tokio::test]
async fn a_hundred_requests_share_one_connection_and_a_large_upload_arrives() {
    let server = Server::start(well_behaved).await;
    let urls: Vec<String> = (0..100).map(|_| server.url("/delay")).collect();
    let wide = Policy { concurrency: Some(100), ..Policy::default() };
    let (outcomes, report) = run(&server.harness, requests(urls), &wide).await;
    assert!(by_id(outcomes).iter().all(|outcome| describe(outcome) == "200 \"hello\""));
    assert_eq!((server.connections(), report.receipt.opened, report.receipt.reused), (1, 1, 99));
    let connections = server.harness.connections();
    assert_eq!((connections.open, connections.idle), (1, 1));
    let post = Request { method: "POST".to_owned(), body: Some(vec![7; 50_000]), ..Request::get(0, server.url("/ok")) };
    assert_eq!(describe(&run_one(&server.harness, post, &policy()).await), "200 \"hello\"");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn t1_streams_not_processed_before_a_goaway_are_sent_on_another_connection() {
    let server = Server::start(|tls, before| async move {
        let mut connection = h2::server::handshake(tls).await.unwrap();
        let mut answered = 0;
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            let mut body = respond.send_response(http::Response::new(()), false).unwrap();
            body.send_data(Bytes::from_static(b"hello"), true).unwrap();
            answered += 1;
            if before == 0 && answered == 5 {
                connection.abrupt_shutdown(Reason::NO_ERROR);
            }
        }
        // Closing a socket that holds unread requests would discard the answers.
        tokio::time::sleep(100 * MS).await;
    })
    .await;
    let urls: Vec<String> = (0..60).map(|_| server.url("/")).collect();
    let (outcomes, _) = run(&server.harness, requests(urls), &policy()).await;
    let outcomes = by_id(outcomes);
    for outcome in &outcomes {
        assert_eq!((describe(outcome).as_str(), outcome.attempts), ("200 \"hello\"", 1), "{outcome:?}");
    }
    assert!(server.connections() >= 2);
}

#[tokio::test]
async fn t2_resets_are_reported_by_reason_and_only_a_refused_stream_is_resent() {
    let server = Server::start(well_behaved).await;
    for (reason, cause) in [
        (Reason::INTERNAL_ERROR, "connection-terminated head"),
        (Reason::CANCEL, "connection-terminated head"),
        (Reason::REFUSED_STREAM, "connection-terminated head"),
        (Reason::PROTOCOL_ERROR, "HTTP-protocol-error head"),
        (Reason::FLOW_CONTROL_ERROR, "HTTP-protocol-error head"),
        (Reason::ENHANCE_YOUR_CALM, "HTTP-protocol-error head"),
    ] {
        let outcome = server.get(&format!("/reset/{}", u32::from(reason))).await;
        assert_eq!(describe(&outcome), cause, "{reason:?}");
        assert_eq!(describe(&server.get("/ok").await), "200 \"hello\"", "the connection stays usable");
    }
    assert_eq!(server.connections(), 1);
    let refused = Arc::<AtomicUsize>::default();
    let seen = Arc::clone(&refused);
    let server = Server::start(move |tls, _| {
        let seen = Arc::clone(&seen);
        async move {
            let mut connection = h2::server::handshake(tls).await.unwrap();
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                if seen.fetch_add(1, Ordering::SeqCst) == 0 {
                    respond.send_reset(Reason::REFUSED_STREAM);
                } else {
                    respond.send_response(http::Response::new(()), true).unwrap();
                }
            }
        }
    })
    .await;
    let outcome = server.get("/").await;
    assert_eq!((describe(&outcome).as_str(), outcome.attempts, refused.load(Ordering::SeqCst)), ("200 \"\"", 1, 2));
}

/// One frame (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

/// A server that sends its settings, waits for a request, and then sends the frames of `once`, followed by `forever` endlessly.
async fn raw_server(once: Vec<Vec<u8>>, forever: Vec<u8>) -> Server {
    Server::start(move |mut tls, _| {
        let (once, forever) = (once.concat(), forever.clone());
        async move {
            let (mut buffer, mut read) = (vec![0; 65_536], 0);
            let _ = tls.write_all(&frame(SETTINGS, 0, 0, &[])).await;
            // The preface and the settings are about 60 bytes; anything beyond them is a request.
            while read < 100 {
                match tls.read(&mut buffer).await {
                    Ok(more @ 1..) => read += more,
                    Ok(_) | Err(_) => return,
                }
            }
            let _ = tls.write_all(&once).await;
            let (mut reading, mut writing) = tokio::io::split(tls);
            let flood = async {
                while !forever.is_empty() && writing.write_all(&forever).await.is_ok() {}
                std::future::pending::<()>().await;
            };
            let until_closed = async { while reading.read(&mut buffer).await.is_ok_and(|read| read > 0) {} };
            tokio::select! {
                () = flood => {}
                () = until_closed => {}
            }
        }
    })
    .await
}

#[tokio::test]
async fn t3_frame_floods_end_in_a_failure_in_bounded_time() {
    let status_200 = [0x88];
    let header = |name: &str, size: usize| {
        // A literal field without indexing, with name and value uncompressed (RFC 7541, section 6.2.2).
        let mut block = vec![0, u8::try_from(name.len()).unwrap()];
        block.extend(name.as_bytes());
        block.extend([
            0x7f,
            u8::try_from((size - 127) % 128 + 128).unwrap(),
            u8::try_from((size - 127) / 128).unwrap(),
        ]);
        block.extend(vec![b'y'; size]);
        block
    };
    for (what, once, forever) in [
        ("continuations", vec![frame(HEADERS, 0, 1, &status_200)], frame(CONTINUATION, 0, 1, &header("x", 10_000))),
        ("empty continuations", vec![frame(HEADERS, 0, 1, &status_200)], frame(CONTINUATION, 0, 1, &[]).repeat(100)),
        ("settings", vec![], frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]).repeat(100)),
        ("pings", vec![], frame(PING, 0, 0, &[7; 8]).repeat(100)),
        ("empty data", vec![frame(HEADERS, 4, 1, &status_200)], frame(DATA, 0, 1, &[]).repeat(100)),
        ("resets", vec![], frame(RST_STREAM, 0, 1, &8_u32.to_be_bytes()).repeat(100)),
        ("a window that overflows", vec![frame(WINDOW_UPDATE, 0, 1, &0x7fff_ffff_u32.to_be_bytes()).repeat(2)], vec![]),
        (
            "a head larger than allowed",
            vec![frame(HEADERS, 0, 1, &[&status_200[..], &header("x", 10_000)].concat())],
            frame(CONTINUATION, 0, 1, &header("y", 15_000)),
        ),
    ] {
        let server = raw_server(once, forever).await;
        let start = std::time::Instant::now();
        let quick = Policy { attempt_timeout: Some(1_000 * MS), ..policy() };
        let outcome = run_one(&server.harness, Request::get(0, server.url("/")), &quick).await;
        assert!(outcome.result.is_err(), "{what}: {outcome:?}");
        assert!(start.elapsed() < 5_000 * MS, "{what}: {:?}", start.elapsed());
    }
}

#[tokio::test]
async fn t4_invalid_frames_are_connection_errors_and_affect_no_other_origin() {
    let healthy = Server::start(well_behaved).await;
    for (what, frames) in [
        ("data on an idle stream", frame(DATA, 0, 9, b"x")),
        ("data on no stream", frame(DATA, 0, 0, b"x")),
        ("headers on an even stream", frame(HEADERS, 5, 2, &[0x88])),
        ("a ping of another size", frame(PING, 0, 0, &[7; 7])),
        ("settings of another size", frame(SETTINGS, 0, 0, &[0; 5])),
        ("a continuation of nothing", frame(CONTINUATION, 4, 1, &[0x88])),
        ("a push promise", frame(PUSH_PROMISE, 4, 1, &[0, 0, 0, 2, 0x82])),
        ("headers that are no HPACK", frame(HEADERS, 5, 1, &[0xff, 0xff, 0xff, 0xff, 0xff])),
        ("a frame larger than allowed", frame(DATA, 0, 1, &vec![0; 70_000])),
    ] {
        let server = raw_server(vec![frames], vec![]).await;
        let outcome = server.get("/").await;
        let cause = cause(&outcome);
        let broken = [Cause::HttpProtocolError, Cause::ConnectionTerminated];
        assert!(cause.is_some_and(|cause| broken.contains(&cause)), "{what}: {outcome:?}");
        assert_eq!(status(&healthy.get("/ok").await), Some(200), "{what}");
    }
}

#[tokio::test]
async fn b13_x3_an_unread_body_does_not_block_other_streams_of_its_connection() {
    let server = Server::start(|tls, _| async move {
        let mut connection = h2::server::handshake(tls).await.unwrap();
        let mut sending = JoinSet::new();
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            let mut body = respond.send_response(http::Response::new(()), false).unwrap();
            sending.spawn(async move {
                for piece in 0..100 {
                    body.reserve_capacity(10_000);
                    while body.capacity() < 10_000 {
                        if std::future::poll_fn(|cx| body.poll_capacity(cx)).await.is_none_or(|more| more.is_err()) {
                            return;
                        }
                    }
                    let _ = body.send_data(Bytes::from(vec![7; 10_000]), piece == 99);
                }
            });
        }
    })
    .await;
    let unread = Policy { body: Some(BodyMode::Unread), ..policy() };
    let urls: Vec<String> = (0..4).map(|_| server.url("/")).collect();
    let mut outcomes = server.harness.fetch(requests(urls), &unread).await.unwrap();
    let mut bodies = Vec::new();
    while bodies.len() < 4 {
        match outcomes.next().await.unwrap().result.unwrap().body {
            Body::Unread(body) => bodies.push(body),
            other => panic!("{other:?}"),
        }
    }
    let held = bodies.remove(0);
    for mut body in bodies {
        let mut received = 0;
        while let Some(piece) = body.next().await {
            received += piece.unwrap().len();
        }
        assert_eq!(received, 1_000_000);
    }
    drop(held);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn goaway_debug_data_is_not_reported() {
    let debug_data = b"canary".repeat(100);
    let goaway = [&[0, 0, 0, 0, 0, 0, 0, 11][..], &debug_data].concat();
    let server = raw_server(vec![frame(7, 0, 0, &goaway)], vec![]).await;
    let outcome = server.get("/").await;
    let failure = crate::support::failure(&outcome);
    assert!(!failure.detail.as_deref().unwrap_or_default().contains("canary"), "{failure:?}");
}
