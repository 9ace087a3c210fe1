//! Responses with a content coding.

use crate::net::{Net, Rig, head, text};
use async_compression::tokio::write::{BrotliEncoder, GzipEncoder, ZstdEncoder};
use fantail_engine::{Cause, Phase, Sent};
use fantail_sender::{Account, Allowance, Client, PoolLimits, SenderConfig, Timeouts};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body_util::BodyExt;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tower_service::Service;

const CODINGS: [&str; 3] = ["gzip", "br", "zstd"];

async fn encoded(coding: &str, bytes: &[u8]) -> Vec<u8> {
    macro_rules! encode {
        ($encoder:ident) => {{
            let mut encoder = $encoder::new(Vec::new());
            encoder.write_all(bytes).await.unwrap();
            encoder.shutdown().await.unwrap();
            encoder.into_inner()
        }};
    }
    match coding {
        "gzip" => encode!(GzipEncoder),
        "br" => encode!(BrotliEncoder),
        "zstd" => encode!(ZstdEncoder),
        other => panic!("{other}"),
    }
}

/// A peer whose body has this coding, sent with a length or in chunks, on connections that stay open.
fn rig(coding: &str, body: Vec<u8>, chunked: bool) -> Rig {
    let mut answer = format!("HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\n").into_bytes();
    if chunked {
        answer.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n");
        for piece in body.chunks(1_000) {
            answer.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
            answer.extend_from_slice(&[piece, b"\r\n"].concat());
        }
        answer.extend_from_slice(b"0\r\n\r\n");
    } else {
        answer.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
        answer.extend_from_slice(&body);
    }
    decompressing(&Net::answering(std::time::Duration::ZERO, answer))
}

fn decompressing(net: &Net) -> Rig {
    let config = SenderConfig { decompress: true, ..net.config() };
    net.rig_of(config, Timeouts::default(), PoolLimits::default())
}

#[tokio::test(start_paused = true)]
async fn bodies_are_decoded_and_their_connections_are_used_again() {
    let long: String = (0..100_000).map(|number| number.to_string()).collect();
    for coding in CODINGS {
        for (plain, chunked) in [("hello", false), ("hello", true), (long.as_str(), false), (long.as_str(), true)] {
            let rig = rig(coding, encoded(coding, plain.as_bytes()).await, chunked);
            for _ in 0..2 {
                let response = rig.get("http://10.0.0.1/").await.unwrap();
                let (codings, lengths) = (CONTENT_ENCODING, CONTENT_LENGTH);
                assert!(!response.headers().contains_key(codings) && !response.headers().contains_key(lengths));
                assert!(text(response).await.unwrap() == plain, "{coding} {chunked}");
            }
            assert_eq!(rig.connected(), 1, "{coding} {chunked} {}", plain.len());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_body_needs_no_decoding_and_several_members_are_one_body() {
    for coding in CODINGS {
        assert_eq!(rig(coding, Vec::new(), false).outcome("http://10.0.0.1/").await, "", "{coding}");
    }
    for coding in ["gzip", "zstd"] {
        let two = [encoded(coding, b"one ").await, encoded(coding, b"two").await].concat();
        assert_eq!(rig(coding, two, false).outcome("http://10.0.0.1/").await, "one two", "{coding}");
    }
}

#[tokio::test(start_paused = true)]
async fn broken_data_has_a_cause_of_its_own_with_the_coding() {
    let incompressible: Vec<u8> =
        (0..20_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for coding in CODINGS {
        let whole = encoded(coding, &incompressible).await;
        let cut = whole[..whole.len() - 9].to_vec();
        for (what, body) in [("cut", cut), ("garbage", b"this was never compressed".to_vec())] {
            let response = rig(coding, body, false).get("http://10.0.0.1/").await.unwrap();
            let error = text_or_error(response).await;
            assert_eq!((error.cause, error.phase), (Cause::HttpResponseContentCoding, Phase::Body), "{what}: {error}");
            assert_eq!(error.sent, Sent::Yes);
            assert!(error.detail.contains(&format!("not valid {coding}")), "{what}: {error}");
        }
    }
}

async fn text_or_error(response: http::Response<fantail_sender::ResponseBody>) -> fantail_sender::SendError {
    response.into_body().collect().await.err().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_bomb_is_decoded_only_as_far_as_it_is_read_and_counts_decoded() {
    const LONG: usize = 64 << 20;
    for coding in CODINGS {
        let bomb = encoded(coding, &vec![0; LONG]).await;
        assert!(bomb.len() < LONG / 500, "{coding}: {}", bomb.len());
        let rig = rig(coding, bomb, false);
        let mut body = rig.get("http://10.0.0.1/").await.unwrap().into_body();
        let piece = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert!(piece.len() <= 256 << 10, "{coding}: {}", piece.len());
        let account = Account::new(Allowance { bytes: 1 << 40, body: 1 << 20 });
        let mut client = Client::new(rig.sender.clone(), Arc::new(account));
        let request =
            http::Request::get("http://10.0.0.1/").body(http_body_util::Empty::<bytes::Bytes>::new()).unwrap();
        let error = text_or_error(client.call(request).await.unwrap()).await;
        assert_eq!((error.cause, error.phase), (Cause::HttpResponseBodySize, Phase::Body), "{coding}: {error}");
    }
}

/// RFC 9659: no more than 8 MiB.
#[tokio::test(start_paused = true)]
async fn a_window_that_would_take_too_much_memory_is_refused() {
    // A frame without content size whose window is 2 GiB: magic number, descriptor, window descriptor, an empty last block.
    let frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00];
    let response = rig("zstd", frame, false).get("http://10.0.0.1/").await.unwrap();
    assert_eq!(text_or_error(response).await.cause, Cause::HttpResponseContentCoding);
}

#[tokio::test(start_paused = true)]
async fn codings_are_asked_for_unless_the_request_says_otherwise() {
    let echo = || {
        Net::new(|mut io, _| async move {
            while let Some(head) = head(&mut io).await {
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{head}", head.len());
                let _ = io.write_all(answer.as_bytes()).await;
            }
        })
    };
    let sent = async |rig: &Rig, name: &str, value: &str| {
        let request = http::Request::get("http://10.0.0.1/").header(name, value);
        text(rig.send(request.body(http_body_util::Empty::new()).unwrap()).await.unwrap()).await.unwrap()
    };
    let asking = decompressing(&echo());
    assert!(sent(&asking, "x-a", "b").await.contains("accept-encoding: gzip, br, zstd\r\n"));
    assert!(sent(&asking, "accept-encoding", "gzip").await.contains("accept-encoding: gzip\r\n"));
    assert!(!sent(&asking, "range", "bytes=0-9").await.contains("accept-encoding"));
    assert!(!sent(&echo().rig(), "x-a", "b").await.contains("accept-encoding"));
}
