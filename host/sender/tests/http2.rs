//! HTTP/2 connections, which requests share.

use crate::net::{MS, Net, Rig, facts, text};
use crate::secure::{HOST, Secure};
use bytes::Bytes;
use fantail_engine::{Cause, Protocol};
use fantail_sender::{PoolLimits, Timeouts};
use futures::future::join_all;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::DuplexStream;
use tokio_rustls::server::TlsStream;

/// Announces this many concurrent streams. Never answers `/hang`, and all other paths after a pause.
async fn serve(tls: TlsStream<DuplexStream>, streams: Option<u32>, pause: Duration, peak: Arc<AtomicUsize>) {
    let mut builder = h2::server::Builder::new();
    if let Some(streams) = streams {
        builder.max_concurrent_streams(streams);
    }
    let Ok(mut connection) = builder.handshake::<_, Bytes>(tls).await else { return };
    let open = Arc::<AtomicUsize>::default();
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let (open, peak) = (Arc::clone(&open), Arc::clone(&peak));
        tokio::spawn(async move {
            peak.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            if request.uri().path() == "/hang" {
                std::future::poll_fn(|cx| respond.poll_reset(cx)).await.unwrap();
            } else {
                tokio::time::sleep(pause).await;
                let mut body = respond.send_response(http::Response::new(()), false).unwrap();
                let _ = body.send_data(Bytes::from_static(b"hello"), true);
            }
            open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

fn rig(timeouts: Timeouts, limits: PoolLimits, streams: Option<u32>, pause: Duration) -> (Rig, Arc<AtomicUsize>) {
    let peak = Arc::<AtomicUsize>::default();
    let seen = Arc::clone(&peak);
    let secure = Secure::new(&[b"h2"], false);
    (secure.rig(timeouts, limits, move |tls, _| serve(tls, streams, pause, Arc::clone(&seen))), peak)
}

fn url(path: &str) -> String {
    format!("https://{HOST}{path}")
}

/// L4: a healthy server with 100 streams and two seconds for each answer failed 300 of 1,000.
#[tokio::test(start_paused = true)]
async fn when_streams_run_out_more_connections_are_opened_and_waiting_does_not_count_as_head_time() {
    let timeouts = Timeouts { head: 5_000 * MS, ..Timeouts::default() };
    let (rig, peak) = rig(timeouts, PoolLimits::default(), Some(100), 2_000 * MS);
    let attempts = (0..1_000).map(|number| rig.attempt(&url("/"), number));
    let answers = join_all(attempts).await;
    for answer in answers {
        let answer = answer.unwrap();
        let known = facts(&answer);
        assert_eq!((known.head, known.protocol), (Some(2_000 * MS), Some(Protocol::Http2)));
        assert!(known.queued.unwrap() < 2_000 * MS, "{known:?}");
        assert_eq!(text(answer).await.unwrap(), "hello");
    }
    assert_eq!((rig.connected(), peak.load(Ordering::SeqCst)), (10, 100));
}

/// L4
#[tokio::test(start_paused = true)]
async fn no_more_connections_are_opened_than_allowed_and_the_other_requests_wait_in_order() {
    let timeouts = Timeouts { head: 3_000 * MS, ..Timeouts::default() };
    let limits = PoolLimits { max_open_per_origin: 2, ..PoolLimits::default() };
    let (rig, peak) = rig(timeouts, limits, Some(10), 2_000 * MS);
    let answers = join_all((0..100).map(|number| rig.attempt(&url("/"), number))).await;
    let queued: Vec<Duration> = answers.iter().map(|answer| facts(answer.as_ref().unwrap()).queued.unwrap()).collect();
    assert_eq!((rig.connected(), peak.load(Ordering::SeqCst)), (2, 10));
    // Five rounds, first come, first served.
    assert!(queued.is_sorted(), "{queued:?}");
    assert!(queued.last().unwrap() >= &(8_000 * MS), "{queued:?}");
    // The same when the host allows no further connection at all.
    let limits = PoolLimits { max_open: 1, ..PoolLimits::default() };
    let (rig, _) = self::rig(timeouts, limits, Some(10), 100 * MS);
    let answers = join_all((0..100).map(|number| rig.attempt(&url("/"), number))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(rig.connected(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_allows_one_stream_gets_one_at_a_time() {
    let limits = PoolLimits { max_open_per_origin: 1, ..PoolLimits::default() };
    let (rig, peak) = rig(Timeouts::default(), limits, Some(1), 100 * MS);
    let answers = join_all((0..5).map(|_| rig.outcome(&url("/")))).await;
    assert!(answers.iter().all(|outcome| outcome == "hello"), "{answers:?}");
    assert_eq!((rig.connected(), peak.load(Ordering::SeqCst)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn if_the_peer_sets_no_limit_all_requests_share_one_connection() {
    let (rig, peak) = rig(Timeouts::default(), PoolLimits::default(), None, 100 * MS);
    let answers = join_all((0..300).map(|_| rig.outcome(&url("/")))).await;
    assert!(answers.iter().all(|outcome| outcome == "hello"));
    assert_eq!((rig.connected(), peak.load(Ordering::SeqCst)), (1, 300));
}

/// L4: 20 timeouts opened 11 connections.
#[tokio::test(start_paused = true)]
async fn a_slow_peer_is_not_mistaken_for_a_dead_connection() {
    let timeouts = Timeouts { head: 400 * MS, ..Timeouts::default() };
    let (rig, _) = rig(timeouts, PoolLimits::default(), Some(100), 10 * MS);
    // Others are answered meanwhile.
    let (hanging, answered) = tokio::join!(join_all((0..20).map(|_| rig.outcome(&url("/hang")))), async {
        for _ in 0..20 {
            tokio::time::sleep(30 * MS).await;
            assert_eq!(rig.outcome(&url("/")).await, "hello");
        }
    });
    let () = answered;
    assert!(hanging.iter().all(|outcome| outcome == "HTTP-response-timeout head"), "{hanging:?}");
    assert_eq!(rig.connected(), 1);
    // Nothing is received at all: one more connection is tried, and no further ones.
    for _ in 0..20 {
        assert_eq!(rig.outcome(&url("/hang")).await, "HTTP-response-timeout head");
    }
    assert_eq!(rig.connected(), 2);
    assert_eq!(rig.outcome(&url("/")).await, "hello");
}

#[tokio::test(start_paused = true)]
async fn after_a_goaway_a_connection_gets_no_more_requests_and_none_is_lost() {
    let secure = Secure::new(&[b"h2"], false);
    let rig = secure.rig(Timeouts::default(), PoolLimits::default(), |tls, before| async move {
        let mut connection = h2::server::handshake(tls).await.unwrap();
        let mut answered = 0;
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            let mut body = respond.send_response(http::Response::new(()), false).unwrap();
            body.send_data(Bytes::from_static(b"hello"), true).unwrap();
            answered += 1;
            if before == 0 && answered == 5 {
                connection.abrupt_shutdown(h2::Reason::NO_ERROR);
            }
        }
    });
    let answers = join_all((0..60).map(|_| rig.outcome(&url("/")))).await;
    assert!(answers.iter().all(|outcome| outcome == "hello"), "{answers:?}");
    assert_eq!(rig.connected(), 2);
}

/// L4: `max_idle` did not apply to HTTP/2, and idle connections were never closed.
#[tokio::test(start_paused = true)]
async fn idle_connections_are_limited_in_total_and_closed_by_a_timer() {
    let limits = PoolLimits { max_idle: 2, ..PoolLimits::default() };
    let (rig, _) = rig(Timeouts::default(), limits, Some(1), 100 * MS);
    let answers = join_all((0..4).map(|_| rig.outcome(&url("/")))).await;
    assert!(answers.iter().all(|outcome| outcome == "hello"), "{answers:?}");
    tokio::time::sleep(10 * MS).await;
    assert_eq!((rig.connected(), rig.connections().idle, rig.connections().open), (4, 2, 2));
    tokio::time::sleep(31_000 * MS).await;
    assert_eq!((rig.connections().idle, rig.connections().open), (0, 0));
    assert_eq!(rig.outcome(&url("/")).await, "hello");
}

#[tokio::test(start_paused = true)]
async fn waiting_for_the_protocol_counts_as_queued_and_another_request_connects_if_the_first_is_dropped() {
    let (rig, _) = rig(Timeouts::default(), PoolLimits::default(), Some(100), 100 * MS);
    let mut first = rig.attempt(&url("/"), 1);
    assert!(futures::poll!(&mut first).is_pending());
    let mut second = rig.attempt(&url("/"), 2);
    assert!(futures::poll!(&mut second).is_pending());
    // Resolving takes 10 ms.
    tokio::time::sleep(5 * MS).await;
    drop(first);
    let second = second.await.unwrap();
    assert_eq!((facts(&second).queued, facts(&second).resolve), (Some(5 * MS), Some(10 * MS)));
    assert_eq!(rig.connected(), 1);
}

#[tokio::test(start_paused = true)]
async fn requests_do_not_wait_in_turn_for_a_peer_that_cannot_be_reached() {
    let timeouts = Timeouts { tls: 500 * MS, ..Timeouts::default() };
    let mute = Net::new(|io, _| async move {
        std::future::pending::<()>().await;
        drop(io);
    });
    let rig = mute.rig_with(timeouts, PoolLimits::default(), Secure::new(&[b"h2"], false).trusted());
    let started = tokio::time::Instant::now();
    let failures = join_all((0..20).map(|number| rig.attempt(&url("/"), number))).await;
    assert!(failures.iter().all(|failure| failure.as_ref().err().unwrap().cause == Cause::ConnectionTimeout));
    assert!(started.elapsed() < 2_000 * MS, "{:?}", started.elapsed());
    assert_eq!((rig.connections().idle, rig.connections().open), (0, 0));
}
