//! HTTP/1.1 connections, and which of them are kept.

use crate::net::{MS, Net, facts, head, slow, text};
use fantail_sender::{PoolLimits, Timeouts, TlsSettings};
use http::Request;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower_service::Service;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

fn rig_with_limits(limits: PoolLimits) -> crate::net::Rig {
    Net::answering(Duration::ZERO, OK).rig_with(Timeouts::default(), limits, TlsSettings::default())
}

/// L4: idle connections were closed only when another was opened or closed.
#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_by_a_timer() {
    let rig = rig_with_limits(PoolLimits::default());
    text(rig.get("http://10.0.0.1/").await.unwrap()).await.unwrap();
    tokio::time::sleep(29_000 * MS).await;
    assert_eq!((rig.connections().idle, rig.connections().open), (1, 1));
    tokio::time::sleep(2_000 * MS).await;
    assert_eq!((rig.connections().idle, rig.connections().open), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn beyond_the_limit_the_connection_idle_for_longest_is_closed() {
    let rig = rig_with_limits(PoolLimits { max_idle: 2, ..PoolLimits::default() });
    for host in 1..=3 {
        text(rig.get(&format!("http://10.0.0.{host}/")).await.unwrap()).await.unwrap();
        tokio::time::sleep(MS).await;
    }
    assert_eq!(rig.connections().idle, 2);
    let mut reused = Vec::new();
    for host in [3, 2, 1] {
        let response = rig.attempt(&format!("http://10.0.0.{host}/"), 1).await.unwrap();
        reused.push(facts(&response).reused.unwrap());
        text(response).await.unwrap();
    }
    assert_eq!(reused, [true, true, false]);
}

#[tokio::test(start_paused = true)]
async fn sequential_requests_share_one_connection_and_concurrent_ones_take_one_each() {
    let rig = Net::answering(10 * MS, OK).rig();
    for _ in 0..50 {
        assert_eq!(rig.outcome("http://10.0.0.1/").await, "ok");
    }
    assert_eq!(rig.connected(), 1);
    let all = futures::future::join_all((0..20).map(|_| rig.outcome("http://10.0.0.1/"))).await;
    assert!(all.iter().all(|outcome| outcome == "ok"));
    assert_eq!((rig.connected(), rig.connections().idle), (20, 20));
}

/// L19: a connection that was still busy was waited for, for 50 ms.
#[tokio::test(start_paused = true)]
async fn a_request_does_not_wait_for_a_connection_whose_request_is_still_being_sent() {
    let net = Net::new(|mut io, before| async move {
        head(&mut io).await.unwrap();
        let _ = io.write_all(OK.as_bytes()).await;
        // The first answers before it has read the request's body, and then takes its time.
        tokio::time::sleep(if before == 0 { 10_000 * MS } else { MS }).await;
        let _ = io.read(&mut [0; 1024]).await;
        std::future::pending::<()>().await;
    });
    let rig = net.rig();
    let upload = slow(vec![(5_000 * MS, "late")]);
    let early = rig.client.clone().call(Request::post("http://10.0.0.1/").body(upload).unwrap()).await.unwrap();
    assert_eq!(text(early).await.unwrap(), "ok");
    let started = tokio::time::Instant::now();
    assert_eq!(rig.outcome("http://10.0.0.1/").await, "ok");
    assert_eq!((started.elapsed(), rig.connected()), (Duration::ZERO, 2));
}

#[tokio::test(start_paused = true)]
async fn dropping_a_response_or_a_request_early_closes_its_connection() {
    let hanging = Net::new(|mut io, _| async move {
        let _ = head(&mut io).await;
        let _ = io.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab").await;
        let _ = io.read(&mut [0; 1]).await;
    });
    let rig = hanging.rig();
    drop(rig.get("http://10.0.0.1/").await.unwrap());
    let mut cancelled = rig.get("http://10.0.0.1/");
    assert!(futures::poll!(&mut cancelled).is_pending());
    drop(cancelled);
    tokio::time::sleep(MS).await;
    assert_eq!((rig.connections().idle, rig.connections().open), (0, 0));
}
