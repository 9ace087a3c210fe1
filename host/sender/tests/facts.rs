//! The facts that a sender reports of an attempt.

use crate::net::{ADDRESS, MS, Net, facts, head, slow, text};
use bytes::Bytes;
use fantail_engine::{Cause, Phase, Protocol, Sent};
use fantail_facts::{ATTEMPT, EVENTS, FACTS};
use fantail_sender::{PoolLimits, RequestTimeouts, Timeouts, TlsSettings};
use http::Request;
use http_body_util::{BodyExt, Empty};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tower_service::Service;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// T5: each attempt has its own times, and `head` is measured from when the request is sent.
#[tokio::test(start_paused = true)]
async fn an_answer_reports_how_long_each_step_of_its_attempt_took() {
    let rig = Net::answering(50 * MS, OK).connecting_takes(30 * MS).rig();
    let first = rig.attempt("http://name.test/", 7).await.unwrap();
    let known = facts(&first);
    assert_eq!((known.queued, known.resolve), (Some(Duration::ZERO), Some(10 * MS)));
    assert_eq!((known.connect, known.tls, known.send, known.head), (Some(30 * MS), None, None, Some(50 * MS)));
    assert_eq!(known.remote, Some(format!("{ADDRESS}:80").parse().unwrap()));
    assert_eq!((known.protocol, known.reused), (Some(Protocol::Http1), Some(false)));
    assert!(known.started.is_some());
    assert_eq!(text(first).await.unwrap(), "ok");
    let second = facts(&rig.attempt("http://name.test/", 8).await.unwrap());
    assert_eq!((second.queued, second.resolve, second.connect), (Some(Duration::ZERO), None, None));
    assert_eq!((second.head, second.reused), (Some(50 * MS), Some(true)));
}

#[tokio::test(start_paused = true)]
async fn the_head_is_timed_when_it_arrives_even_if_the_future_is_not_polled() {
    let rig = Net::answering(50 * MS, OK).rig();
    let mut attempt = rig.attempt("http://10.0.0.1/", 1);
    // A component that computes for a second between two polls.
    while futures::poll!(&mut attempt).is_pending() {
        tokio::time::sleep(1_000 * MS).await;
        if rig.connected() > 0 && futures::poll!(&mut attempt).is_ready() {
            break;
        }
    }
    let rig = Net::answering(50 * MS, OK).rig();
    let mut attempt = rig.attempt("http://10.0.0.1/", 1);
    let response = loop {
        match futures::poll!(&mut attempt) {
            std::task::Poll::Ready(response) => break response.unwrap(),
            std::task::Poll::Pending => tokio::time::sleep(1_000 * MS).await,
        }
    };
    assert_eq!(facts(&response).head, Some(50 * MS));
}

#[tokio::test(start_paused = true)]
async fn the_send_time_ends_when_the_body_has_been_read_to_its_end() {
    let net = Net::new(|mut io, _| async move {
        let asked = head(&mut io).await.unwrap();
        assert!(!asked.contains(ATTEMPT), "{asked}");
        tokio::time::sleep(200 * MS).await;
        let _ = io.write_all(OK.as_bytes()).await;
        std::future::pending::<()>().await;
    });
    let rig = net.rig();
    let body = slow(vec![(20 * MS, "a"), (20 * MS, "b")]);
    let request =
        Request::post("http://10.0.0.1/").header(ATTEMPT, "1").header("content-length", "2").body(body).unwrap();
    let response = rig.client.clone().call(request).await.unwrap();
    assert_eq!((facts(&response).send, facts(&response).head), (Some(40 * MS), Some(200 * MS)));
}

#[tokio::test(start_paused = true)]
async fn facts_come_from_the_sender_alone_and_only_on_request() {
    let seen: Arc<Mutex<String>> = Arc::default();
    let log = Arc::clone(&seen);
    let net = Net::new(move |mut io, _| {
        let log = Arc::clone(&log);
        async move {
            while let Some(asked) = head(&mut io).await {
                log.lock().unwrap().push_str(&asked);
                let lies =
                    format!("HTTP/1.1 200 OK\r\n{FACTS}: head;dur=1.000\r\n{FACTS}: h2\r\ncontent-length: 0\r\n\r\n");
                let _ = io.write_all(lies.as_bytes()).await;
            }
        }
    });
    let rig = net.rig();
    assert!(!rig.get("http://10.0.0.1/").await.unwrap().headers().contains_key(FACTS));
    let asked = rig.attempt("http://10.0.0.1/", 1).await.unwrap();
    assert_eq!((asked.headers().get_all(FACTS).iter().count(), facts(&asked).protocol), (1, Some(Protocol::Http1)));
    // A value that is not a number requests nothing, and is not sent to the peer either.
    let invalid = Request::get("http://10.0.0.1/").header(ATTEMPT, "x").body(Empty::<Bytes>::new()).unwrap();
    assert!(!rig.send(invalid).await.unwrap().headers().contains_key(FACTS));
    assert!(!seen.lock().unwrap().contains("fantail"), "{seen:?}");
}

/// T6: a failure had the detail of another one.
#[tokio::test(start_paused = true)]
async fn each_of_several_concurrent_failures_has_its_own_detail() {
    let net = Net::new(|mut io, _| async move {
        let answer = match head(&mut io).await.unwrap().split(' ').nth(1).unwrap() {
            "/status" => "HTTP/1.1 2x0 OK\r\n\r\n",
            "/version" => "HTTP/9.9 200 OK\r\n\r\n",
            "/length" => "HTTP/1.1 200 OK\r\ncontent-length: two\r\n\r\n",
            other => panic!("{other}"),
        };
        let _ = io.write_all(answer.as_bytes()).await;
    });
    let rig = net.rig();
    let fails = async |path| rig.attempt(&format!("http://10.0.0.1/{path}"), 1).await.err().unwrap();
    let (status, version, length) = tokio::join!(fails("status"), fails("version"), fails("length"));
    for (error, word) in [(&status, "status"), (&version, "version"), (&length, "content-length")] {
        assert_eq!((error.cause, error.phase, error.sent), (Cause::HttpProtocolError, Phase::Head, Sent::Maybe));
        assert!(error.detail.contains(word), "{error}");
        assert!(error.facts.as_ref().is_some_and(|facts| facts.remote.is_some()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_says_whether_anything_was_handed_to_a_connection() {
    let rig = Net::new(|mut io, _| async move {
        let _ = head(&mut io).await;
        let _ = io.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort").await;
    })
    .rig();
    let refused = rig.attempt("http://192.0.2.1/", 1).await.err().unwrap();
    assert_eq!(
        (refused.cause, refused.phase, refused.sent),
        (Cause::DestinationIpProhibited, Phase::Resolve, Sent::No)
    );
    let cut = text(rig.attempt("http://10.0.0.1/", 2).await.unwrap()).await.unwrap_err();
    assert_eq!((cut.cause, cut.phase, cut.sent), (Cause::HttpResponseIncomplete, Phase::Body, Sent::Yes));
    assert!(cut.facts.unwrap().head.is_some());
    let unasked = text(rig.get("http://10.0.0.1/").await.unwrap()).await.unwrap_err();
    assert_eq!(unasked.facts, None);
    let silent = Net::new(|io, _| async move {
        std::future::pending::<()>().await;
        drop(io);
    });
    let slow = silent.connecting_takes(700 * MS).rig();
    let attempt = Request::get("http://10.0.0.1/").header(ATTEMPT, "3").body(Empty::<Bytes>::new()).unwrap();
    let head_timeout = RequestTimeouts { head: Some(500 * MS), ..RequestTimeouts::default() };
    let silent = slow.send(head_timeout.on(attempt.clone())).await.err().unwrap();
    assert_eq!((silent.cause, silent.phase, silent.sent), (Cause::HttpResponseTimeout, Phase::Head, Sent::Maybe));
    assert_eq!(silent.facts.unwrap().connect, Some(700 * MS), "the head timeout had not started");
    let connect_timeout = RequestTimeouts { connect: Some(500 * MS), ..RequestTimeouts::default() };
    let unreached = slow.send(connect_timeout.on(attempt)).await.err().unwrap();
    assert_eq!(
        (unreached.cause, unreached.phase, unreached.sent),
        (Cause::ConnectionTimeout, Phase::Connect, Sent::No)
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_for_events_learns_when_each_attempt_is_sent() {
    let rig = Net::answering(50 * MS, OK).connecting_takes(30 * MS).rig();
    let asks = Request::get("http://nowhere.test/").header(ATTEMPT, EVENTS).body(Empty::<Bytes>::new()).unwrap();
    let response = rig.send(asks).await.unwrap();
    assert_eq!((response.status(), rig.connected()), (http::StatusCode::OK, 0));
    assert!(response.headers().contains_key(FACTS), "shows that the sender answered");
    let mut events = response.into_body();
    let mut line = async || {
        let piece = tokio::time::timeout(1_000 * MS, events.frame()).await.ok()?;
        Some((piece.unwrap().unwrap().into_data().unwrap(), tokio::time::Instant::now()))
    };
    let started = tokio::time::Instant::now();
    let (answered, first) = tokio::join!(rig.attempt("http://10.0.0.1/", 12), line());
    assert_eq!(first, Some((Bytes::from_static(b"12\n"), started + 30 * MS)), "once a connection is open");
    text(answered.unwrap()).await.unwrap();
    // A request without a number causes no event.
    rig.get("http://10.0.0.2/").await.unwrap();
    let started = tokio::time::Instant::now();
    let (answered, second) = tokio::join!(rig.attempt("http://10.0.0.1/", 13), line());
    assert_eq!(second, Some((Bytes::from_static(b"13\n"), started)), "at once over one that is open");
    text(answered.unwrap()).await.unwrap();
    assert_eq!(line().await, None, "it does not end");
}

/// L19: a slot was waited for by polling ten times.
#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_to_free_its_slot_for_another_origin() {
    let limits = PoolLimits { max_open: 1, ..PoolLimits::default() };
    let endless = "HTTP/1.1 200 OK\r\n\r\n";
    let net = Net::new(move |mut io, before| async move {
        head(&mut io).await.unwrap();
        let _ = io.write_all(if before == 0 { OK } else { endless }.as_bytes()).await;
        let _ = head(&mut io).await;
    });
    let rig = net.rig_with(Timeouts::default(), limits, TlsSettings::default());
    text(rig.attempt("http://10.0.0.1/", 1).await.unwrap()).await.unwrap();
    let other = rig.attempt("http://10.0.0.2/", 2).await.unwrap();
    assert_eq!((facts(&other).reused, rig.connected()), (Some(false), 2));
    let full = rig.attempt("http://10.0.0.3/", 3).await.err().unwrap();
    assert_eq!((full.cause, full.sent), (Cause::ConnectionLimitReached, Sent::No));
    drop(other);
}
