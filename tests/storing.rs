//! Bodies in files.

use crate::cli::{by_id, cause, detail, fetch, ran, shell};
use crate::support::{origin, version};
use fantail_wire::Body;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// T2: a disk that is full, told as a file that may not be longer than 4 MiB (less is not enough for the memory of a component): the last piece
/// of a body fails when it was handed over already.
#[tokio::test]
async fn a_body_that_does_not_fit_is_a_failure_and_leaves_no_file() {
    let origin = origin().await;
    let folder = tempfile::tempdir().unwrap();
    let bodies = folder.path().join("bodies");
    let script = format!(
        "trap '' XFSZ; ulimit -f 8192; exec \"$0\" fetch --wasi {} --allow-net 127.0.0.0/8 --output-dir {} {} {}",
        version(),
        bodies.display(),
        origin.url("/bytes/4210688"),
        origin.url("/ok"),
    );
    // A cache of its own: what is compiled does not fit either.
    let ran = ran(shell(&script).env("XDG_CACHE_HOME", folder.path()).spawn().unwrap()).await;
    let lines = by_id(ran.lines);
    let failure = lines[0].result.as_ref().unwrap_err();
    assert_eq!((cause(&lines[0]), failure.status, ran.code), ("other", Some(200), 1));
    assert!(detail(&lines[0]).contains("cannot store the body"), "{}", detail(&lines[0]));
    assert!(detail(&lines[0]).contains("too large"), "{}", detail(&lines[0]));
    assert!(matches!(&lines[1].result.as_ref().unwrap().body, Body::File(_)));
    let names: Vec<_> = std::fs::read_dir(&bodies).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["1"], "neither under its name nor under another");
    assert!(ran.stderr.contains("failures     1 (other 1)"), "{}", ran.stderr);
}

/// An origin whose one answer takes a second between its head and its body.
async fn slow_body(body: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        let _ = tcp.read(&mut [0; 1024]).await;
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        tcp.write_all(head.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        tcp.write_all(body).await.unwrap();
    });
    url
}

/// T8: a download is its body too.
#[tokio::test]
async fn totals_count_the_bodies_that_are_stored_and_the_time_to_their_end() {
    let url = slow_body(&[b'x'; 200_000]).await;
    let folder = tempfile::tempdir().unwrap();
    let ran = fetch(&["--output-dir", folder.path().to_str().unwrap(), &url], b"").await;
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.lines[0].timing.total >= Duration::from_secs(1), "{:?}", ran.lines[0].timing);
    assert!(ran.lines[0].timing.head.unwrap() < Duration::from_secs(1), "{:?}", ran.lines[0].timing);
    assert!(ran.stderr.contains("body bytes   200,000"), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("requests     1 in 1.") || ran.stderr.contains("requests     1 in 2."),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("network      195."), "the bytes that came: {}", ran.stderr);
}
