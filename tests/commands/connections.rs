//! How connections are made, and what comes over them.

use crate::support::{fetch, origin, run};
use async_compression::tokio::write::GzipEncoder;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};

/// Answers every head with the same bytes, and keeps the heads.
async fn answer(mut io: impl AsyncRead + AsyncWrite + Unpin, answer: Vec<u8>, heads: Arc<Mutex<Vec<String>>>) {
    let mut read = Vec::new();
    while let Ok(byte) = io.read_u8().await {
        read.push(byte);
        if read.ends_with(b"\r\n\r\n") {
            heads.lock().unwrap().push(String::from_utf8(std::mem::take(&mut read)).unwrap());
            if io.write_all(&answer).await.is_err() {
                return;
            }
        }
    }
}

/// A server on loopback that does so, its address, and the heads it has read.
async fn server(bytes: Vec<u8>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let heads = Arc::<Mutex<Vec<String>>>::default();
    let seen = Arc::clone(&heads);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, bytes.clone(), Arc::clone(&seen)));
        }
    });
    (address, heads)
}

async fn compressed(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzipEncoder::new(Vec::new());
    encoder.write_all(plain).await.unwrap();
    encoder.shutdown().await.unwrap();
    let body = encoder.into_inner();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.into_bytes(), body].concat()
}

#[tokio::test]
async fn compressed_responses_are_asked_for_and_decoded_and_stored_decoded() {
    let plain = "decoded ".repeat(50_000);
    let (address, heads) = server(compressed(plain.as_bytes()).await).await;
    let url = format!("http://{address}/");
    let output = fetch(&["--compressed", &url], b"").await;
    let line = &output.lines()[0];
    assert!(output.code == 0 && line["body"] == plain.as_str(), "{}", output.stderr);
    assert!(line["headers"].get("content-encoding").is_none() && line["headers"].get("content-length").is_none());
    assert!(heads.lock().unwrap()[0].contains("accept-encoding: gzip, br, zstd\r\n"));
    let folder = tempfile::tempdir().unwrap();
    let output = fetch(&["--compressed", "--output-dir", folder.path().to_str().unwrap(), &url], b"").await;
    let stored = std::fs::read_to_string(folder.path().join("0")).unwrap();
    assert!(output.code == 0 && stored == plain, "{}", output.stderr);
    let raw = fetch(&[&url], b"").await;
    assert_eq!(raw.lines()[0]["headers"]["content-encoding"], "gzip");
}

#[tokio::test]
async fn a_compression_bomb_ends_at_the_limit_like_any_body_that_is_too_large() {
    let bomb = compressed(&vec![0; 64 << 20]).await;
    assert!(bomb.len() < 128 << 10);
    let (address, _) = server(bomb).await;
    let origin = origin().await;
    let urls = [format!("http://{address}/"), origin.url("/bytes/2000000"), origin.url("/ok")];
    for wasi in ["0.2", "0.3"] {
        let options = ["--compressed", "--order", "input", "--wasi", wasi];
        let arguments = [options.as_slice(), urls.each_ref().map(String::as_str).as_slice()].concat();
        let lines = fetch(&arguments, b"").await.lines();
        assert_eq!(
            (&lines[0]["error"]["cause"], &lines[1]["error"]["cause"]),
            (&"body-too-large".into(), &"body-too-large".into())
        );
        assert_eq!(lines[2]["status"], 200);
    }
}

#[tokio::test]
async fn broken_compressed_data_is_a_failure_that_says_so() {
    let mut broken = compressed(b"0123456789").await;
    let last = broken.len() - 6;
    broken[last] ^= 0xff;
    let (address, _) = server(broken).await;
    let output = fetch(&["--compressed", &format!("http://{address}/")], b"").await;
    let error = &output.lines()[0]["error"];
    assert_eq!(error["cause"], "HTTP-response-content-coding");
    assert!(error["detail"].as_str().unwrap().contains("not valid gzip"), "{error}");
}

#[tokio::test]
async fn a_unix_socket_is_asked_for_whatever_host_and_patterns_still_hold() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let heads = Arc::<Mutex<Vec<String>>>::default();
    let seen = Arc::clone(&heads);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answered = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec();
            tokio::spawn(answer(stream, answered, Arc::clone(&seen)));
        }
    });
    let path = path.to_str().unwrap();
    let output = run(&["fetch", "--unix-socket", path, "http://docker.test/v1/info"], b"").await;
    assert_eq!((output.code, &output.lines()[0]["body"]), (0, &"ok".into()), "{}", output.stderr);
    assert!(heads.lock().unwrap()[0].starts_with("GET /v1/info HTTP/1.1\r\nhost: docker.test\r\n"));
    let refused = run(&["fetch", "--unix-socket", path, "--allow", "http://a.test", "http://b.test/"], b"").await;
    assert_eq!(refused.lines()[0]["error"]["cause"], "HTTP-request-denied");
}

#[tokio::test]
async fn a_proxy_gets_every_request_and_its_address_is_judged() {
    let (address, heads) = server(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec()).await;
    let proxy = format!("http://ada:pass-word@{address}");
    let output = fetch(&["--proxy", &proxy, "http://origin.test/a?b"], b"").await;
    assert_eq!((output.code, &output.lines()[0]["body"]), (0, &"ok".into()), "{}", output.stderr);
    let head = heads.lock().unwrap()[0].clone();
    assert!(head.starts_with("GET http://origin.test/a?b HTTP/1.1\r\n"), "{head}");
    let refused = run(&["fetch", "--proxy", &proxy, "http://origin.test/"], b"").await;
    let error = &refused.lines()[0]["error"];
    assert_eq!(error["cause"], "destination-IP-prohibited");
    assert!(error["detail"].as_str().unwrap().starts_with("the proxy http://127.0.0.1:"), "{error}");
    let closed = fetch(&["--proxy", "http://127.0.0.1:1", "http://origin.test/"], b"").await;
    let detail = closed.lines()[0]["error"]["detail"].as_str().unwrap().to_owned();
    assert!(detail.starts_with("the proxy http://127.0.0.1:1: "), "{detail}");
    let invalid = run(&["fetch", "--proxy", "socks5://ada:pass-word@127.0.0.1", "http://origin.test/"], b"").await;
    assert!(invalid.code == 2 && invalid.stderr.contains("--proxy: not a proxy"), "{}", invalid.stderr);
    for output in [output, refused, invalid] {
        assert!(!output.stderr.contains("pass-word") && !output.stdout.contains("pass-word"));
    }
}
