//! Idle HTTP/1.1 connections hold nothing that only a request needs, and serve the next one all the same.

use crate::net::{MS, Net, head, text};
use crate::secure::{HOST, Secure};
use bytes::Bytes;
use fantail_sender::{PoolLimits, Timeouts};
use http::Request;
use http_body_util::Full;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower_service::Service;

const URL: &str = "http://10.0.0.1/";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_idle_for_long_holds_no_buffer_and_is_used_again() {
    let rig = Net::answering(Duration::ZERO, OK).rig();
    for _ in 0..3 {
        assert_eq!(rig.outcome(URL).await, "ok");
        tokio::time::sleep(500 * MS).await;
        assert!(rig.room_to_read() >= 4_096, "it may be needed again soon");
        tokio::time::sleep(2_000 * MS).await;
        assert_eq!(rig.room_to_read(), 1);
    }
    assert_eq!((rig.connected(), rig.connections().open, rig.connections().idle), (1, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_request_at_any_time_finds_its_connection() {
    let rig = Net::answering(Duration::ZERO, OK).rig();
    for micros in (990_000..1_120_000).step_by(500) {
        assert_eq!(rig.outcome(URL).await, "ok");
        tokio::time::sleep(Duration::from_micros(micros)).await;
    }
    assert_eq!(rig.connected(), 1);
}

/// The peer ends the connection, or sends what nobody asked for.
#[tokio::test(start_paused = true)]
async fn one_whose_peer_does_anything_is_closed_at_once() {
    for unasked in [b"".as_slice(), OK] {
        let net = Net::new(move |mut io, _| async move {
            head(&mut io).await.unwrap();
            io.write_all(OK).await.unwrap();
            tokio::time::sleep(5_000 * MS).await;
            if !unasked.is_empty() {
                io.write_all(unasked).await.unwrap();
                assert_eq!(io.read(&mut [0]).await.unwrap(), 0, "closed");
            }
        });
        let rig = net.rig();
        assert_eq!(rig.outcome(URL).await, "ok");
        tokio::time::sleep(4_900 * MS).await;
        assert_eq!((rig.connections().open, rig.room_to_read()), (1, 1));
        tokio::time::sleep(200 * MS).await;
        assert_eq!((rig.connections().open, rig.connections().idle), (0, 0));
        assert_eq!(rig.outcome(URL).await, "ok");
        assert_eq!(rig.connected(), 2);
    }
}

/// The peer has answered, and reads the rest of the request later. What it has not read is with hyper.
#[tokio::test(start_paused = true)]
async fn one_over_which_something_is_still_to_be_sent_does_not_hibernate() {
    const BODY: usize = (1 << 20) + 100_000;
    let read = Arc::<AtomicUsize>::default();
    let counter = Arc::clone(&read);
    let net = Net::new(move |mut io, _| {
        let counter = Arc::clone(&counter);
        async move {
            head(&mut io).await.unwrap();
            io.write_all(OK).await.unwrap();
            tokio::time::sleep(5_000 * MS).await;
            let mut buffer = vec![0; 1 << 16];
            while let Ok(count @ 1..) = io.read(&mut buffer).await {
                counter.fetch_add(count, Ordering::SeqCst);
            }
        }
    });
    let rig = net.rig();
    let request = Request::post(URL).body(Full::new(Bytes::from(vec![b'b'; BODY]))).unwrap();
    assert_eq!(text(rig.client.clone().call(request).await.unwrap()).await.unwrap(), "ok");
    tokio::time::sleep(4_000 * MS).await;
    assert_eq!(rig.connections().open, 1);
    assert!(rig.room_to_read() > 1);
    tokio::time::sleep(2_000 * MS).await;
    assert_eq!(read.load(Ordering::SeqCst), BODY);
}

#[tokio::test(start_paused = true)]
async fn connections_over_tls_hibernate_too() {
    let secure = Secure::new(&[b"http/1.1"], false);
    let rig = secure.rig(Timeouts::default(), PoolLimits::default(), |mut io, _| async move {
        let mut buffer = [0; 1_024];
        while io.read(&mut buffer).await.is_ok_and(|read| read > 0) {
            io.write_all(OK).await.unwrap();
        }
    });
    for _ in 0..3 {
        assert_eq!(rig.outcome(&format!("https://{HOST}/")).await, "ok");
        tokio::time::sleep(3_000 * MS).await;
    }
    assert_eq!((rig.connected(), rig.connections().idle), (1, 1));
}
